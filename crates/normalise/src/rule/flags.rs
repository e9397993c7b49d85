//! Remarks on accepted values: a small set with stable upper-case names.

use std::ops::{BitOr, BitOrAssign};

/// Set of remarks on a value that was accepted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Flags(u32);

impl Flags {
    /// Province known, but not the six digits.
    pub const REGION_UNKNOWN: Self = Self(1 << 0);
    /// The address code was not in force in the year of birth (D14).
    pub const REGION_NOT_IN_FORCE: Self = Self(1 << 1);
    /// The organisation code inside a social credit code has a wrong check character.
    pub const ORG_CODE_CHECKSUM: Self = Self(1 << 2);
    /// An older form without a check character.
    pub const LEGACY: Self = Self(1 << 3);
    /// A registration number with letters, as some provinces issue them.
    pub const VARIANT: Self = Self(1 << 4);
    /// The first 18 characters of a disability certificate (残疾人证) were taken.
    pub const DISABILITY_CARD: Self = Self(1 << 5);
    /// The type of an electronic licence has another length than 21.
    pub const TYPE_CODE: Self = Self(1 << 6);
    /// The issuer of an electronic licence is not an 18-character code.
    pub const ISSUER_CODE: Self = Self(1 << 7);
    /// A landline outside Chongqing's area 023.
    pub const AREA_CODE: Self = Self(1 << 8);
    /// Several values in one cell; the first valid one was taken (D44).
    pub const MULTIPLE_VALUES: Self = Self(1 << 9);
    /// The division was no longer in force; its successor is known by table (D28).
    pub const HISTORIC_DIVISION: Self = Self(1 << 10);
    /// The street of a 12-digit division is not in the table.
    pub const STREET_UNKNOWN: Self = Self(1 << 11);
    /// A street or village code was cut to the county (D29).
    pub const LEVEL_CUT: Self = Self(1 << 12);
    /// A division was given by its name.
    pub const DIVISION_NAME: Self = Self(1 << 13);
    /// Only the section letter of an industry was given.
    pub const SECTION_ONLY: Self = Self(1 << 14);
    /// The section letter of an industry does not belong to its division.
    pub const SECTION_MISMATCH: Self = Self(1 << 15);
    /// Text read in the wrong encoding was repaired (D05).
    pub const MOJIBAKE: Self = Self(1 << 16);
    /// A glyph is missing in a name (D43).
    pub const MISSING_GLYPH: Self = Self(1 << 17);
    /// Part of a name is hidden by stars.
    pub const MASKED: Self = Self(1 << 18);
    /// A plate or postal code of another province.
    pub const OUTSIDE_CITY: Self = Self(1 << 19);
    /// A bank card with a wrong Luhn check.
    pub const LUHN: Self = Self(1 << 20);
    /// Personal numbers in a text were masked (D49).
    pub const PII_MASKED: Self = Self(1 << 21);

    /// Every flag with its name, for closed label sets and documentation.
    pub const ALL: [(&'static str, Self); 22] = [
        ("REGION_UNKNOWN", Self::REGION_UNKNOWN),
        ("REGION_NOT_IN_FORCE", Self::REGION_NOT_IN_FORCE),
        ("ORG_CODE_CHECKSUM", Self::ORG_CODE_CHECKSUM),
        ("LEGACY", Self::LEGACY),
        ("VARIANT", Self::VARIANT),
        ("DISABILITY_CARD", Self::DISABILITY_CARD),
        ("TYPE_CODE", Self::TYPE_CODE),
        ("ISSUER_CODE", Self::ISSUER_CODE),
        ("AREA_CODE", Self::AREA_CODE),
        ("MULTIPLE_VALUES", Self::MULTIPLE_VALUES),
        ("HISTORIC_DIVISION", Self::HISTORIC_DIVISION),
        ("STREET_UNKNOWN", Self::STREET_UNKNOWN),
        ("LEVEL_CUT", Self::LEVEL_CUT),
        ("DIVISION_NAME", Self::DIVISION_NAME),
        ("SECTION_ONLY", Self::SECTION_ONLY),
        ("SECTION_MISMATCH", Self::SECTION_MISMATCH),
        ("MOJIBAKE", Self::MOJIBAKE),
        ("MISSING_GLYPH", Self::MISSING_GLYPH),
        ("MASKED", Self::MASKED),
        ("OUTSIDE_CITY", Self::OUTSIDE_CITY),
        ("LUHN", Self::LUHN),
        ("PII_MASKED", Self::PII_MASKED),
    ];

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of `other` are in this set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// This flag if `condition` holds, else nothing.
    pub(crate) fn when(self, condition: bool) -> Self {
        if condition { self } else { Self::default() }
    }

    /// Names of the flags in the set, in the order of [`Flags::ALL`].
    pub fn iter(self) -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().filter(move |(_, flag)| self.contains(*flag)).map(|(name, _)| name)
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Flags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}
