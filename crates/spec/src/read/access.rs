//! How serde walks the tree: lists, mappings, located values and variants.

use super::{Place, Reader, Stop};
use crate::diagnostic::{Code, Findings};
use crate::tree::{At, Entry, Node};
use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};

/// Items of a list.
pub(super) struct Elements<'a> {
    items: std::slice::Iter<'a, Node>,
    findings: &'a Findings,
}

impl<'a> Elements<'a> {
    pub fn new(items: &'a [Node], findings: &'a Findings) -> Self {
        Self { items: items.iter(), findings }
    }
}

impl<'a> SeqAccess<'a> for Elements<'a> {
    type Error = Stop;

    fn next_element_seed<T: DeserializeSeed<'a>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Stop> {
        let Some(node) = self.items.next() else { return Ok(None) };
        seed.deserialize(Reader { place: Place::Node(node), findings: self.findings }).map(Some)
    }
}

/// Keys and values of a mapping. For a struct, the keys that are not there follow as absent, so
/// that each field reports for itself.
pub(super) struct Fields<'a> {
    fields: std::vec::IntoIter<(&'a str, Place<'a>)>,
    next: Option<Place<'a>>,
    findings: &'a Findings,
}

impl<'a> Fields<'a> {
    fn new(fields: Vec<(&'a str, Place<'a>)>, findings: &'a Findings) -> Self {
        Self { fields: fields.into_iter(), next: None, findings }
    }

    pub fn of_map(entries: &'a [Entry], findings: &'a Findings) -> Self {
        let fields = entries.iter().map(|e| (e.key.as_str(), Place::Node(&e.node)));
        Self::new(fields.collect(), findings)
    }

    pub fn of_struct(
        entries: &'a [Entry],
        at: At,
        owner: &'static str,
        known: &'static [&'static str],
        findings: &'a Findings,
    ) -> Self {
        let field = |key: &&'static str| match entries.iter().find(|e| e.key == **key) {
            Some(entry) => (*key, Place::Node(&entry.node)),
            None => (*key, Place::Absent { key, owner, at }),
        };
        Self::new(known.iter().map(field).collect(), findings)
    }

    /// One nameless value: the reader's own node, for a visitor that knows it is a mapping.
    pub fn whole(reader: Reader<'a>) -> Self {
        Self::new(vec![("", reader.place)], reader.findings)
    }
}

impl<'a> MapAccess<'a> for Fields<'a> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Stop> {
        let Some((key, place)) = self.fields.next() else { return Ok(None) };
        self.next = Some(place);
        let key: StrDeserializer<'_, Stop> = key.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        let place = self.next.take().expect("serde asks for a value after its key");
        seed.deserialize(Reader { place, findings: self.findings })
    }
}

/// A value with its position: line, column, value. A value that cannot be read is reported here.
pub(super) struct Located<'a> {
    reader: Reader<'a>,
    step: u8,
}

impl<'a> Located<'a> {
    pub fn new(reader: Reader<'a>) -> Self {
        Self { reader, step: 0 }
    }
}

impl<'a> SeqAccess<'a> for Located<'a> {
    type Error = Stop;

    fn next_element_seed<T: DeserializeSeed<'a>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Stop> {
        self.step += 1;
        let at = self.reader.at();
        match self.step {
            1 => seed.deserialize(at.line.into_deserializer()).map(Some),
            2 => seed.deserialize(at.column.into_deserializer()).map(Some),
            _ => seed.deserialize(self.reader).map(Some).map_err(|stop| {
                self.reader.report(stop);
                Stop::Reported
            }),
        }
    }
}

/// A word, or a mapping of one word to its value.
pub(super) struct Variant<'a> {
    pub word: &'a str,
    pub payload: Option<&'a Node>,
    pub reader: Reader<'a>,
}

impl<'a> EnumAccess<'a> for Variant<'a> {
    type Error = Stop;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'a>>(self, seed: V) -> Result<(V::Value, Self), Stop> {
        let word: StrDeserializer<'_, Stop> = self.word.into_deserializer();
        Ok((seed.deserialize(word)?, self))
    }
}

impl<'a> VariantAccess<'a> for Variant<'a> {
    type Error = Stop;

    fn unit_variant(self) -> Result<(), Stop> {
        match self.payload {
            None => Ok(()),
            Some(_) => {
                let message = format!("`{}` takes no value", self.word);
                Err(Stop::new(Code::WrongType, message, Some(format!("write `{}`", self.word))))
            }
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'a>>(self, seed: T) -> Result<T::Value, Stop> {
        let Some(node) = self.payload else {
            let message = format!("`{}` needs a value", self.word);
            let help = format!("write `{{{}: …}}`", self.word);
            return Err(Stop::new(Code::WrongType, message, Some(help)));
        };
        seed.deserialize(Reader { place: Place::Node(node), findings: self.reader.findings })
    }

    fn tuple_variant<V: Visitor<'a>>(self, _: usize, visitor: V) -> Result<V::Value, Stop> {
        Err(Stop::invalid_type(Unexpected::TupleVariant, &visitor))
    }

    fn struct_variant<V: Visitor<'a>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        Err(Stop::invalid_type(Unexpected::StructVariant, &visitor))
    }
}
