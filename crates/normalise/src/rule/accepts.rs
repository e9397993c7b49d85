//! What each named rule accepts, in a line for people.

use huiliu_model::contract::NamedRule;

/// The form of an accepted value and what is mended or remarked on, in a sentence or two.
pub fn accepts(rule: NamedRule) -> &'static str {
    match rule {
        NamedRule::Uscc => "unified social credit code (GB 32100-2015), 18 characters with check",
        NamedRule::OrgCode => "organisation code (GB 11714-1997), 8 characters and a check",
        NamedRule::BusinessRegNo => {
            "registration number of a firm (GS 15-2006), 15 digits with check; 13 digits: LEGACY"
        }
        NamedRule::ResidentId => {
            "citizen identity number (GB 11643-1999), 18 characters with check; 15 digits become \
             18; residence permits, foreigners' cards, disability cards"
        }
        NamedRule::IdentityDocument => {
            "citizen identity number, or a passport or permit of 5 to 20 letters and digits"
        }
        NamedRule::ElicenceId => "electronic licence (GB/T 36904-2018), ten parts with check",
        NamedRule::ProjectCode => {
            "investment project (GB/T 40058-2021), YYMM-RRRRRR-DD-TT-NNNNNC; before 2020: LEGACY"
        }
        NamedRule::HolderCode => "citizen identity number or unified social credit code",
        NamedRule::Phone => "mobile or landline; of several the first mobile",
        NamedRule::Mobile => "mobile, 11 digits from 13 on; of several the first",
        NamedRule::Landline => "landline with its area code, extension behind a hyphen",
        NamedRule::PostalCode => "postal code, six digits; not 40 or 41 in front: OUTSIDE_CITY",
        NamedRule::Plate => "number plate, 7 or 8 characters; not of the city: OUTSIDE_CITY",
        NamedRule::BankCard => "bank card, 12 to 19 digits; a wrong Luhn check: LUHN",
        NamedRule::Division6 => "division (GB/T 2260) of six digits, known in any year",
        NamedRule::Division12 => "division of twelve digits; six and nine are padded",
        NamedRule::Division => "division of six or twelve digits",
        NamedRule::Industry => "industry (GB/T 4754-2017), two to four digits of a known division",
        NamedRule::PersonName => "name of a person, without blanks between Han characters",
        NamedRule::OrgName => "name of an organisation, brackets in full width",
        NamedRule::Name => "name of a person or an organisation",
        NamedRule::Address => "address, the city named once",
        NamedRule::AccountNo => "account of a utility, 10 to 13 digits",
        NamedRule::MeterNo => "meter, 8 to 22 letters and digits",
        NamedRule::LicenceType => "type of a licence, a credit code and three digits",
        NamedRule::UnitCode => "real estate unit (GB/T 37346-2019), 28 characters",
        NamedRule::ParcelCode => "parcel of land, the first 19 characters of a real estate unit",
        NamedRule::LandUse => "land use (GB/T 21010), two to four digits",
        NamedRule::ItemCode => {
            "service item (GB/T 39554.1-2020), 31 characters; 33 of a case are cut"
        }
        NamedRule::RelaxedCode => {
            "number of a document or contract: letters, digits, - _ /, brackets, Han"
        }
        NamedRule::Longitude => "degrees east in the city, 105.28 to 110.20",
        NamedRule::Latitude => "degrees north in the city, 28.16 to 32.21",
        NamedRule::Date => "date in any form of the specification (1.10), written YYYY-MM-DD",
        NamedRule::Timestamp => "instant, in Asia/Shanghai where it has no offset",
        NamedRule::Text => "any text, tidied; null tokens become null",
        NamedRule::FreeText => {
            "any text; identity numbers, mobiles and bank cards in it are masked: PII_MASKED"
        }
    }
}
