//! Rejects: records and rows that cannot be accepted, as values.

/// The room that refused a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    Decode,
    Cast,
    Judge,
}

impl Stage {
    pub fn label(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Cast => "cast",
            Self::Judge => "judge",
        }
    }
}

/// Why a value or a record was refused: a closed set, used as a label and in quarantine.
///
/// The first group is the set of the domain's result model for identifiers and values; the
/// second concerns whole records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    Length,
    Charset,
    Checksum,
    DeptCode,
    ClassCode,
    RegionUnknown,
    OrgCodeChecksum,
    BirthDate,
    BirthRange,
    BirthFuture,
    Root,
    Segments,
    VersionFormat,
    Format,
    ExcelFloat,
    ExcelTruncated,
    Placeholder,
    Masked,
    NullToken,
    // Values, beyond identifiers.
    Prefix,
    Required,
    Type,
    Range,
    Pattern,
    CodeUnknown,
    DateOrder,
    Mismatch,
    Ambiguous,
    /// An old registration number where a credit code belongs; a register knows the code (D16).
    LegacyRegNo,
    /// The check is right once O and I are read as 0 and 1; never done silently (D15).
    Suggest,
    /// An organisation code where a credit code belongs; a register knows the code (D17).
    OrgCodeOnly,
    Unavailable,
    // Whole records.
    Empty,
    NotUtf8,
    NotJson,
    Truncated,
    TooDeep,
    TooLarge,
    NotAnObject,
    EnvelopeField,
    OpUnknown,
    DatasetUnknown,
    ImageMissing,
    SequenceMissing,
    KeyMissing,
    DuplicateField,
    VersionUnknown,
    TruncateUnsupported,
    /// An Avro record does not begin with the byte 0 and the id of its schema.
    MagicByte,
    /// The schema registry has no schema of the record's id.
    SchemaUnknown,
    /// The record's schema cannot be read by the dataset's format.
    SchemaInvalid,
    /// The bytes are not what the record's Avro schema says.
    NotAvro,
    /// The record goes on where its schema ends.
    TrailingBytes,
    /// A row of a file has more or fewer fields than its header.
    FieldCount,
    /// A field that the contract does not name, where it says `drift: {added: quarantine}`.
    FieldUnknown,
    /// A column that the source no longer sends, where it says `drift: {dropped: quarantine}`.
    FieldMissing,
}

impl Reason {
    /// Every reason, for closed label sets and documentation.
    pub const ALL: [Reason; 56] = [
        Reason::Length,
        Reason::Charset,
        Reason::Checksum,
        Reason::DeptCode,
        Reason::ClassCode,
        Reason::RegionUnknown,
        Reason::OrgCodeChecksum,
        Reason::BirthDate,
        Reason::BirthRange,
        Reason::BirthFuture,
        Reason::Root,
        Reason::Segments,
        Reason::VersionFormat,
        Reason::Format,
        Reason::ExcelFloat,
        Reason::ExcelTruncated,
        Reason::Placeholder,
        Reason::Masked,
        Reason::NullToken,
        Reason::Prefix,
        Reason::Required,
        Reason::Type,
        Reason::Range,
        Reason::Pattern,
        Reason::CodeUnknown,
        Reason::DateOrder,
        Reason::Mismatch,
        Reason::Ambiguous,
        Reason::LegacyRegNo,
        Reason::OrgCodeOnly,
        Reason::Suggest,
        Reason::Unavailable,
        Reason::Empty,
        Reason::NotUtf8,
        Reason::NotJson,
        Reason::Truncated,
        Reason::TooDeep,
        Reason::TooLarge,
        Reason::NotAnObject,
        Reason::EnvelopeField,
        Reason::OpUnknown,
        Reason::DatasetUnknown,
        Reason::ImageMissing,
        Reason::SequenceMissing,
        Reason::KeyMissing,
        Reason::DuplicateField,
        Reason::VersionUnknown,
        Reason::TruncateUnsupported,
        Reason::MagicByte,
        Reason::SchemaUnknown,
        Reason::SchemaInvalid,
        Reason::NotAvro,
        Reason::TrailingBytes,
        Reason::FieldCount,
        Reason::FieldUnknown,
        Reason::FieldMissing,
    ];

    /// Stable upper-case name, as in the domain specification.
    pub fn label(self) -> &'static str {
        match self {
            Self::Length => "LENGTH",
            Self::Charset => "CHARSET",
            Self::Checksum => "CHECKSUM",
            Self::DeptCode => "DEPT_CODE",
            Self::ClassCode => "CLASS_CODE",
            Self::RegionUnknown => "REGION_UNKNOWN",
            Self::OrgCodeChecksum => "ORG_CODE_CHECKSUM",
            Self::BirthDate => "BIRTH_DATE",
            Self::BirthRange => "BIRTH_RANGE",
            Self::BirthFuture => "BIRTH_FUTURE",
            Self::Root => "ROOT",
            Self::Segments => "SEGMENTS",
            Self::VersionFormat => "VERSION_FORMAT",
            Self::Format => "FORMAT",
            Self::ExcelFloat => "EXCEL_FLOAT",
            Self::ExcelTruncated => "EXCEL_TRUNCATED",
            Self::Placeholder => "PLACEHOLDER",
            Self::Masked => "MASKED",
            Self::NullToken => "NULL_TOKEN",
            Self::Prefix => "PREFIX",
            Self::Required => "REQUIRED",
            Self::Type => "TYPE",
            Self::Range => "RANGE",
            Self::Pattern => "PATTERN",
            Self::CodeUnknown => "CODE_UNKNOWN",
            Self::DateOrder => "DATE_ORDER",
            Self::Mismatch => "MISMATCH",
            Self::Ambiguous => "AMBIGUOUS",
            Self::LegacyRegNo => "LEGACY_REG_NO",
            Self::OrgCodeOnly => "ORG_CODE_ONLY",
            Self::Suggest => "SUGGEST",
            Self::Unavailable => "UNAVAILABLE",
            Self::Empty => "EMPTY",
            Self::NotUtf8 => "NOT_UTF8",
            Self::NotJson => "NOT_JSON",
            Self::Truncated => "TRUNCATED",
            Self::TooDeep => "TOO_DEEP",
            Self::TooLarge => "TOO_LARGE",
            Self::NotAnObject => "NOT_AN_OBJECT",
            Self::EnvelopeField => "ENVELOPE_FIELD",
            Self::OpUnknown => "OP_UNKNOWN",
            Self::DatasetUnknown => "DATASET_UNKNOWN",
            Self::ImageMissing => "IMAGE_MISSING",
            Self::SequenceMissing => "SEQUENCE_MISSING",
            Self::KeyMissing => "KEY_MISSING",
            Self::DuplicateField => "DUPLICATE_FIELD",
            Self::VersionUnknown => "VERSION_UNKNOWN",
            Self::TruncateUnsupported => "TRUNCATE_UNSUPPORTED",
            Self::MagicByte => "MAGIC_BYTE",
            Self::SchemaUnknown => "SCHEMA_UNKNOWN",
            Self::SchemaInvalid => "SCHEMA_INVALID",
            Self::NotAvro => "NOT_AVRO",
            Self::TrailingBytes => "TRAILING_BYTES",
            Self::FieldCount => "FIELD_COUNT",
            Self::FieldUnknown => "FIELD_UNKNOWN",
            Self::FieldMissing => "FIELD_MISSING",
        }
    }
}

/// A record (or a row of it) that cannot be accepted. Its bytes stay in the `Records`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Index into the entries of the `Records`.
    pub record: u32,
    pub stage: Stage,
    pub reason: Reason,
    /// Contract column the reason concerns, by index.
    pub column: Option<u16>,
    /// Byte position in the value where decoding stopped.
    pub at: Option<u32>,
}
