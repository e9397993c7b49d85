//! Rules of columns: what one cell must be, alone or beside other cells of its row.

/// A rule of one column. Text normalisation comes before, by the rule's kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// A rule of the closed set, by name: an identifier, a name, a code that is computed.
    Named(NamedRule),
    /// Member of a list of `code_lists`, after its aliases.
    CodeList(String),
    /// Member of a list given in place.
    OneOf(Vec<String>),
    /// Inclusive bounds on a number.
    AtLeast(f64),
    AtMost(f64),
    /// Regular expression the whole text must match.
    Pattern(String),
    /// Bounds on the number of characters; 0 to 0 for a column that stays empty.
    Length {
        min: usize,
        max: usize,
    },
    /// Not before another date column of the row; a finding, never a reject.
    NotBefore {
        column: usize,
    },
    /// Later than another date column of the row; a finding, never a reject.
    After {
        column: usize,
    },
    /// A day, or a later one, in days since 1970-01-01; fails like a bound.
    Since(i32),
    /// First day of a month after parsing; other days are moved to it.
    MonthStart,
    /// Not after the record's event date; a finding.
    NotFuture,
    /// Must agree with what a resident id in another column says; the id wins.
    SexOf {
        column: usize,
    },
    BirthDateOf {
        column: usize,
    },
    /// Set when another column has one of some values, and null otherwise (D47); a finding.
    SetWhen(When),
    /// Set when another column has one of some values; a finding.
    RequiredWhen(When),
    /// At most `times` the number in another column of the row; a finding.
    AtMostOf {
        column: usize,
        times: f64,
    },
    /// The text of another column begins with this one; a division that became that beginning
    /// counts as it. A finding.
    PrefixOf {
        column: usize,
    },
    /// Equals the first column minus the second, exactly; a finding.
    DifferenceOf {
        minuend: usize,
        subtrahend: usize,
    },
    /// A year at least so many years before the one of the record's event; fails like a bound.
    YearBeforeEvent(i32),
    /// The column is a longitude that makes a position with `latitude`. The pair is judged:
    /// exchanged numbers (D30) and Gauss-Krueger metres (D33) are put right, what `system` says
    /// is GCJ-02 or BD-09 is converted to CGCS2000, what is not in the city is null (D31).
    Coordinates {
        latitude: usize,
        /// Text column with the code of the source's system; CGCS2000 without one.
        system: Option<usize>,
    },
}

/// Rows in which a column has one of some values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct When {
    pub column: usize,
    /// Texts of the values: codes, whole numbers, `true` or `false`.
    pub values: Vec<String>,
}

/// Rules known by name; the names are also those of `huiliu rule`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NamedRule {
    Uscc,
    OrgCode,
    BusinessRegNo,
    ResidentId,
    /// Resident id, passport or travel permit.
    IdentityDocument,
    ElicenceId,
    ProjectCode,
    /// Resident id or unified social credit code.
    HolderCode,
    /// Mobile or landline.
    Phone,
    Mobile,
    Landline,
    PostalCode,
    /// Number plate of a vehicle.
    Plate,
    BankCard,
    Division6,
    Division12,
    /// Six or twelve digits.
    Division,
    Industry,
    PersonName,
    OrgName,
    /// A person's or an organisation's name.
    Name,
    Address,
    AccountNo,
    MeterNo,
    /// Type of an electronic licence: 18-character USCC and three digits.
    LicenceType,
    /// Real estate unit (不动产单元代码): 28 characters.
    UnitCode,
    /// Parcel of land (宗地代码): the first 19 characters of a real estate unit.
    ParcelCode,
    /// Land use (土地利用现状分类, GB/T 21010): two to four digits.
    LandUse,
    /// Government service item (实施编码): USCC, level and 12 digits.
    ItemCode,
    /// Number of a document, licence or contract, without a form of its own.
    RelaxedCode,
    Longitude,
    Latitude,
    Date,
    Timestamp,
    Text,
    /// Running text in which identity numbers, mobiles and bank cards are masked (D49).
    FreeText,
}

impl NamedRule {
    pub const ALL: [(&'static str, NamedRule); 36] = [
        ("uscc", Self::Uscc),
        ("org_code", Self::OrgCode),
        ("business_reg_no", Self::BusinessRegNo),
        ("resident_id", Self::ResidentId),
        ("identity_document", Self::IdentityDocument),
        ("elicence_id", Self::ElicenceId),
        ("project_code", Self::ProjectCode),
        ("holder_code", Self::HolderCode),
        ("phone", Self::Phone),
        ("mobile", Self::Mobile),
        ("landline", Self::Landline),
        ("postal_code", Self::PostalCode),
        ("plate", Self::Plate),
        ("bank_card", Self::BankCard),
        ("division6", Self::Division6),
        ("division12", Self::Division12),
        ("division", Self::Division),
        ("industry", Self::Industry),
        ("person_name", Self::PersonName),
        ("org_name", Self::OrgName),
        ("name", Self::Name),
        ("address", Self::Address),
        ("account_no", Self::AccountNo),
        ("meter_no", Self::MeterNo),
        ("licence_type", Self::LicenceType),
        ("unit_code", Self::UnitCode),
        ("parcel_code", Self::ParcelCode),
        ("land_use", Self::LandUse),
        ("item_code", Self::ItemCode),
        ("relaxed_code", Self::RelaxedCode),
        ("longitude", Self::Longitude),
        ("latitude", Self::Latitude),
        ("date", Self::Date),
        ("timestamp", Self::Timestamp),
        ("text", Self::Text),
        ("free_text", Self::FreeText),
    ];

    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, rule)| *rule == self).map_or("", |(name, _)| name)
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, rule)| *rule)
    }
}
