//! Field names of one kind of object, found without hashing and without allocation.
//!
//! Records of one producer write their fields in one order. An [`Order`] remembers which field
//! followed which, also of those that are not known here, so the next name is usually guessed and
//! only compared; names that were not foreseen go through a small table by length.

use crate::scan::{Cursor, Fault, Kind, QuotedName, Token, unescape};

/// Known names; a name is its index in the order they were given.
#[derive(Debug)]
pub(crate) struct Names {
    quoted: Vec<Option<QuotedName>>,
    plain: Vec<Box<[u8]>>,
    /// Indices by length of the name; those of length `l` are at `bounds[l]..bounds[l + 1]`.
    by_length: Vec<usize>,
    bounds: Vec<usize>,
}

impl Names {
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let plain: Vec<Box<[u8]>> = names.into_iter().map(|name| name.as_bytes().into()).collect();
        let quoted = plain.iter().map(|name| QuotedName::new(name)).collect();
        let mut by_length: Vec<usize> = (0..plain.len()).collect();
        by_length.sort_by_key(|&index| plain[index].len());
        let longest = plain.iter().map(|name| name.len()).max().unwrap_or(0);
        let bounds = (0..longest + 2)
            .map(|length| by_length.partition_point(|&index| plain[index].len() < length))
            .collect();
        Self { quoted, plain, by_length, bounds }
    }

    pub fn len(&self) -> usize {
        self.plain.len()
    }

    pub fn find(&self, name: &[u8]) -> Option<usize> {
        let start = *self.bounds.get(name.len())?;
        let end = *self.bounds.get(name.len() + 1)?;
        let same_length = self.by_length.get(start..end)?;
        same_length.iter().copied().find(|&index| *self.plain[index] == *name)
    }

    #[inline(always)]
    fn known(&self, place: usize) -> Option<usize> {
        (place < self.len()).then_some(place)
    }

    /// Reads the name that is due at the cursor, with its colon. `None` is a name not known
    /// here. `spare` is memory for names with escapes.
    #[inline(always)]
    pub fn read(
        &self,
        cursor: &mut Cursor,
        order: &mut Order,
        spare: &mut Vec<u8>,
    ) -> Result<Option<usize>, Fault> {
        if let Some((place, name)) = order.next()
            && cursor.take_name(name)
        {
            order.last = place;
            return Ok(self.known(place));
        }
        cursor.apart(|cursor| self.read_unforeseen(cursor, order, spare))
    }

    #[inline(never)]
    fn read_unforeseen(
        &self,
        cursor: &mut Cursor,
        order: &mut Order,
        spare: &mut Vec<u8>,
    ) -> Result<Option<usize>, Fault> {
        let name = cursor.name()?;
        let raw = name.raw(cursor.document());
        let found = match name.kind {
            Kind::Escaped => {
                spare.clear();
                unescape(raw, spare);
                self.find(spare)
            }
            _ => self.find(raw),
        };
        match found {
            Some(index) => order.learn(index),
            None if name.kind == Kind::Text => order.learn_stranger(raw),
            None => {}
        }
        Ok(found)
    }
}

/// Names not known here that an order remembers; Debezium's `source` has about ten.
const STRANGERS_MAX: usize = 64;

/// Which name followed which in the objects read so far.
///
/// A place is a known name, then the beginning of an object, then each stranger.
#[derive(Debug)]
pub(crate) struct Order {
    places: Vec<Place>,
    last: usize,
    /// Place of the beginning of an object, which is the number of known names.
    start: usize,
    /// Names that are not known, without escapes.
    strangers: Vec<Box<[u8]>>,
}

#[derive(Debug)]
struct Place {
    /// `None`: no name, or one that is never without escapes.
    name: Option<QuotedName>,
    next: usize,
}

impl Order {
    pub fn new(names: &Names) -> Self {
        let count = names.len();
        let nexts = (1..=count).chain([0]);
        let quoted = names.quoted.iter().cloned().chain([None]);
        let places = quoted.zip(nexts).map(|(name, next)| Place { name, next }).collect();
        Self { places, last: count, start: count, strangers: Vec::new() }
    }

    /// To be called at the beginning of each object.
    #[inline(always)]
    pub fn restart(&mut self) {
        self.last = self.start;
    }

    /// Takes the usual field with the name that came next before; see [`Cursor::take_field`]. The
    /// place of a name that is not known lies behind those of all known ones.
    #[inline(always)]
    pub fn take_field(&mut self, cursor: &mut Cursor) -> Option<(usize, Token)> {
        let (place, name) = self.next()?;
        let token = cursor.take_field(name)?;
        self.last = place;
        Some((place, token))
    }

    /// The name that came next before, and its place.
    #[inline(always)]
    fn next(&self) -> Option<(usize, &QuotedName)> {
        let place = self.places.get(self.last)?.next;
        Some((place, self.places.get(place)?.name.as_ref()?))
    }

    fn learn(&mut self, place: usize) {
        if let Some(last) = self.places.get_mut(self.last) {
            last.next = place;
        }
        self.last = place;
    }

    fn learn_stranger(&mut self, name: &[u8]) {
        let known = self.strangers.iter().position(|held| **held == *name);
        let index = match (known, QuotedName::new(name)) {
            (Some(index), _) => index,
            (None, Some(quoted)) if self.strangers.len() < STRANGERS_MAX => {
                self.strangers.push(name.into());
                self.places.push(Place { name: Some(quoted), next: usize::MAX });
                self.strangers.len() - 1
            }
            _ => return,
        };
        self.learn(self.start + 1 + index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(names: &Names, order: &mut Order, text: &str) -> Vec<Option<usize>> {
        let mut cursor = Cursor::new(text.as_bytes(), 8);
        let (mut spare, mut found) = (Vec::new(), Vec::new());
        order.restart();
        let mut more = cursor.enter().unwrap();
        while more {
            found.push(names.read(&mut cursor, order, &mut spare).unwrap());
            cursor.value().unwrap();
            more = cursor.more().unwrap();
        }
        found
    }

    #[test]
    fn names_are_found_in_any_order_and_among_strangers() {
        let names = Names::new(["id", "name", "no", "面积"]);
        let mut order = Order::new(&names);
        for _ in 0..2 {
            for (text, expected) in [
                (r#"{"id":1,"name":2,"no":3,"面积":4}"#, vec![Some(0), Some(1), Some(2), Some(3)]),
                (r#"{"面积":1,"no":2,"name":3,"id":4}"#, vec![Some(3), Some(2), Some(1), Some(0)]),
                (r#"{"x":0,"id":1,"na":2,"no":3}"#, vec![None, Some(0), None, Some(2)]),
                (r#"{"id":1,"id":2,"id":3}"#, vec![Some(0), Some(0), Some(0)]),
                (r#"{"i\u0064":1,"\u9762积":2,"nam\u0065s":3}"#, vec![Some(0), Some(3), None]),
                (r#"{"id " : 1 , "no" : 2}"#, vec![None, Some(2)]),
                (r#"{"x":0,"y":1,"x":2,"id":3}"#, vec![None, None, None, Some(0)]),
                (r#"{"x":0,"y" :1,"xx":2,"no":3}"#, vec![None, None, None, Some(2)]),
                ("{}", vec![]),
            ] {
                assert_eq!(read_all(&names, &mut order, text), expected, "{text}");
            }
        }
    }

    #[test]
    fn names_of_every_length_are_told_from_their_neighbours() {
        let long = "abcdefghijklmnopqrstuvwxyz";
        let names = Names::new((1..=long.len()).map(|length| &long[..length]));
        let mut order = Order::new(&names);
        for length in 1..=long.len() {
            let name = &long[..length];
            let known = Some(length - 1);
            // Twice, so that each is both searched and guessed; near the end and before it.
            for (text, expected) in [
                (format!(r#"{{"{name}":1}}"#), vec![known]),
                (format!(r#"{{"{name}":1}}"#), vec![known]),
                (format!(r#"{{"{name}!":1}}"#), vec![None]),
                (format!(r#"{{"{name}":1,"other":"0123456789"}}"#), vec![known, None]),
                (format!(r#"{{"{}!":1,"{name}":2}}"#, &long[..length - 1]), vec![None, known]),
            ] {
                assert_eq!(read_all(&names, &mut order, &text), expected, "{text}");
            }
        }
    }

    #[test]
    fn more_strangers_than_are_remembered_change_nothing() {
        let names = Names::new(["id", "no"]);
        let mut order = Order::new(&names);
        let strangers: String = (0..100).map(|at| format!(r#""s{at}":1,"#)).collect();
        let text = format!(r#"{{"id":0,{strangers}"no":2}}"#);
        for _ in 0..3 {
            let found = read_all(&names, &mut order, &text);
            assert_eq!((found.first(), found.last()), (Some(&Some(0)), Some(&Some(1))));
            assert_eq!(found.iter().flatten().count(), 2);
            assert_eq!(found.len(), 102);
        }
    }

    #[test]
    fn a_name_that_needs_escapes_is_found_by_its_text_only() {
        let names = Names::new([r#"a"b"#, r"c\d", ""]);
        let mut order = Order::new(&names);
        let text = r#"{"a\"b":1,"c\\d":2,"":3,"a":4}"#;
        let expected = vec![Some(0), Some(1), Some(2), None];
        assert_eq!(read_all(&names, &mut order, text), expected);
    }
}
