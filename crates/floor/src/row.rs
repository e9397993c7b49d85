//! Row images out of their envelopes, by serde's visitors: no tree, no text that is copied.

use crate::columns::{Column, Scalar};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

pub(crate) struct Table<'n> {
    pub names: Vec<&'n str>,
    pub columns: Vec<Column>,
    pub rows: usize,
}

impl Table<'_> {
    /// Reads one record; one that has no row image adds a row of nulls.
    pub fn read(&mut self, text: &str) {
        let mut json = serde_json::Deserializer::from_str(text);
        // A broken record is no error here: it has cost what it costs.
        let _ = Envelope(self).deserialize(&mut json);
        self.rows += 1;
        for column in &mut self.columns {
            if column.len() < self.rows {
                column.append(Scalar::Null);
            }
        }
    }
}

/// Which field of an object comes.
struct Named<'a> {
    names: &'a [&'a str],
    /// Fields come in the order of the contract, most often.
    expected: usize,
}

impl<'de> DeserializeSeed<'de> for Named<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Named<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        if self.names.get(self.expected) == Some(&name) {
            return Ok(Some(self.expected));
        }
        Ok(self.names.iter().position(|known| *known == name))
    }
}

/// The field of an envelope that holds the row.
const IMAGE: [&str; 1] = ["after"];

struct Envelope<'t, 'n>(&'t mut Table<'n>);

impl<'de> DeserializeSeed<'de> for Envelope<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Envelope<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(Named { names: &IMAGE, expected: 0 })? {
            match name {
                Some(_) => map.next_value_seed(Image(&mut *self.0))?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

struct Image<'t, 'n>(&'t mut Table<'n>);

impl<'de> DeserializeSeed<'de> for Image<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Image<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row or null")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Table { names, columns, rows } = self.0;
        let mut expected = 0;
        while let Some(name) = map.next_key_seed(Named { names, expected })? {
            let column = name.and_then(|at| columns.get_mut(at));
            match column.filter(|column| column.len() == *rows) {
                Some(column) => map.next_value_seed(Cell(column))?,
                // Not in the contract, or a second time.
                None => drop(map.next_value::<IgnoredAny>()?),
            }
            expected = name.map_or(expected, |at| at + 1);
        }
        Ok(())
    }
}

struct Cell<'t>(&'t mut Column);

impl<'de> DeserializeSeed<'de> for Cell<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Cell<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.0.append(Scalar::Null);
        Ok(())
    }

    fn visit_bool<E>(self, truth: bool) -> Result<(), E> {
        self.0.append(Scalar::Boolean(truth));
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.0.append(Scalar::Integer(number));
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.0.append(i64::try_from(number).map_or(Scalar::Null, Scalar::Integer));
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.0.append(Scalar::Double(number));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.0.append(Scalar::Text(text));
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        self.0.append(Scalar::Null);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        self.0.append(Scalar::Null);
        Ok(())
    }
}
