//! Patterns of topic names: read, matched, and held against each other.
//!
//! A pattern becomes a small non-deterministic automaton with at most two states per character.
//! Matching walks all its states at once, so no pattern is slow on any name; two patterns share a
//! name if the pair of their automata reaches both ends.

use super::KAFKA_TOPIC_CHARS_MAX;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::iter::Peekable;
use std::str::Chars;
use std::sync::Arc;

/// Topics that Kafka keeps for itself; a pattern that takes them was not meant so.
const INTERNAL: [&str; 2] = ["__consumer_offsets", "__transaction_state"];
/// Parentheses in parentheses; a pattern for people needs two or three.
const NESTING_MAX: usize = 16;

/// A pattern of topic names, anchored at both ends.
#[derive(Clone)]
pub struct TopicPattern {
    text: Arc<str>,
    states: Arc<[State]>,
}

impl TopicPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, as the rest of a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > KAFKA_TOPIC_CHARS_MAX {
            return Err(format!("is longer than {KAFKA_TOPIC_CHARS_MAX} characters"));
        }
        let inner = text.strip_prefix('^').and_then(|rest| rest.strip_suffix('$'));
        let inner = inner.ok_or("does not begin with `^` and end with `$`")?;
        let mut parser = Parser { rest: inner.chars().peekable(), depth: 0 };
        let node = parser.sequence()?;
        match parser.rest.next() {
            None => {}
            Some('|') => return Err("has `|` outside of parentheses".to_owned()),
            Some(other) => return Err(format!("has `{other}` where nothing opens it")),
        }
        let mut states = vec![State::End];
        let start = compile(&node, 0, &mut states);
        states.push(State::Fork(start, start));
        let pattern = Self { text: text.into(), states: states.into() };
        match INTERNAL.iter().find(|name| pattern.matches(name)) {
            Some(name) => Err(format!("takes Kafka's own `{name}` as well")),
            None => Ok(pattern),
        }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn matches(&self, name: &str) -> bool {
        let mut here = vec![false; self.states.len()];
        self.enter(self.start(), &mut here);
        for byte in name.bytes() {
            let mut next = vec![false; self.states.len()];
            for (state, _) in self.states.iter().zip(&here).filter(|(_, is_here)| **is_here) {
                if let State::Eat(set, to) = state
                    && set.has(byte)
                {
                    self.enter(*to, &mut next);
                }
            }
            here = next;
        }
        here[0]
    }

    /// Marks a state and all that are reached from it without a character.
    fn enter(&self, state: usize, marked: &mut [bool]) {
        let mut open = vec![state];
        while let Some(state) = open.pop() {
            if std::mem::replace(&mut marked[state], true) {
                continue;
            }
            if let State::Fork(one, other) = self.states[state] {
                open.extend([one, other]);
            }
        }
    }

    /// The shortest name that both match.
    pub(super) fn shared_with(&self, other: &Self) -> Option<String> {
        let start = (self.start(), other.start());
        // Where each pair of states was reached from, and by which character if by one.
        let mut from: BTreeMap<Pair, Option<Step>> = BTreeMap::new();
        let mut open = VecDeque::from([(start, None)]);
        while let Some((pair, reached)) = open.pop_front() {
            if from.contains_key(&pair) {
                continue;
            }
            from.insert(pair, reached);
            if pair == (0, 0) {
                return Some(spell(&from));
            }
            for (next, byte) in self.steps(other, pair) {
                // Steps without a character first: so the shortest name is found first.
                match byte {
                    None => open.push_front((next, Some((pair, byte)))),
                    Some(_) => open.push_back((next, Some((pair, byte)))),
                }
            }
        }
        None
    }

    fn steps(&self, other: &Self, (ours, theirs): Pair) -> Vec<Step> {
        match (self.states[ours], other.states[theirs]) {
            (State::Fork(a, b), _) => vec![((a, theirs), None), ((b, theirs), None)],
            (_, State::Fork(a, b)) => vec![((ours, a), None), ((ours, b), None)],
            (State::Eat(one, a), State::Eat(two, b)) => {
                let byte = one.shared_with(two);
                byte.map(|byte| ((a, b), Some(byte))).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn start(&self) -> usize {
        self.states.len() - 1
    }
}

impl PartialEq for TopicPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for TopicPattern {}

impl fmt::Debug for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopicPattern({})", self.text)
    }
}

/// A state of each of two automata.
type Pair = (usize, usize);
/// Where a pair was reached from, and the character that led there.
type Step = (Pair, Option<u8>);

/// The characters on the way to the end of both.
fn spell(from: &BTreeMap<Pair, Option<Step>>) -> String {
    let (mut at, mut name) = ((0, 0), Vec::new());
    while let Some(Some((before, byte))) = from.get(&at) {
        name.extend(byte.map(char::from));
        at = *before;
    }
    name.iter().rev().collect()
}

/// A step of the automaton; state 0 is the end, the last state the start.
#[derive(Debug, Clone, Copy)]
enum State {
    Eat(Set, usize),
    Fork(usize, usize),
    End,
}

/// Characters, among those that names may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Set(u128);

impl Set {
    const NONE: Self = Self(0);

    /// Every character of a topic's name.
    fn any() -> Self {
        let bytes = (0..128_u8).filter(|byte| is_legal(char::from(*byte)));
        Self(bytes.fold(0, |set, byte| set | 1 << byte))
    }

    fn of(c: char) -> Self {
        u8::try_from(c).ok().filter(u8::is_ascii).map_or(Self::NONE, |byte| Self(1 << byte))
    }

    fn range(low: char, high: char) -> Self {
        (low..=high).fold(Self::NONE, |set, c| Self(set.0 | Self::of(c).0))
    }

    fn has(self, byte: u8) -> bool {
        byte.is_ascii() && self.0 & (1 << byte) != 0
    }

    /// A character of both, a letter if there is one.
    fn shared_with(self, other: Self) -> Option<u8> {
        let both = Self(self.0 & other.0);
        let letters = (b'a'..=b'z').find(|byte| both.has(*byte));
        letters.or_else(|| (0..128).find(|byte| both.has(*byte)))
    }
}

fn is_legal(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

#[derive(Debug)]
enum Node {
    One(Set),
    Sequence(Vec<Node>),
    Either(Vec<Node>),
    /// `?`, `*` or `+` after it.
    Repeated(Box<Node>, char),
}

/// Adds the states of a node that go on to `next`, and returns the first of them.
fn compile(node: &Node, next: usize, states: &mut Vec<State>) -> usize {
    match node {
        Node::One(set) => add(State::Eat(*set, next), states),
        Node::Sequence(nodes) => {
            nodes.iter().rev().fold(next, |next, node| compile(node, next, states))
        }
        Node::Either(nodes) => {
            let starts: Vec<usize> = nodes.iter().map(|n| compile(n, next, states)).collect();
            let fork = |one, other| add(State::Fork(one, other), states);
            starts.into_iter().reduce(fork).unwrap_or(next)
        }
        Node::Repeated(node, '?') => {
            let body = compile(node, next, states);
            add(State::Fork(body, next), states)
        }
        Node::Repeated(node, how) => {
            let again = add(State::Fork(next, next), states);
            let body = compile(node, again, states);
            states[again] = State::Fork(body, next);
            if *how == '+' { body } else { again }
        }
    }
}

fn add(state: State, states: &mut Vec<State>) -> usize {
    states.push(state);
    states.len() - 1
}

struct Parser<'a> {
    rest: Peekable<Chars<'a>>,
    depth: usize,
}

impl Parser<'_> {
    fn sequence(&mut self) -> Result<Node, String> {
        let mut nodes = Vec::new();
        while let Some(&c) = self.rest.peek() {
            if matches!(c, '|' | ')') {
                break;
            }
            self.rest.next();
            let node = self.one(c)?;
            nodes.push(self.repeated(node)?);
        }
        if nodes.is_empty() {
            return Err("has an empty part".to_owned());
        }
        Ok(Node::Sequence(nodes))
    }

    fn one(&mut self, c: char) -> Result<Node, String> {
        match c {
            '.' => Ok(Node::One(Set::any())),
            '\\' => match self.rest.next() {
                Some('.') => Ok(Node::One(Set::of('.'))),
                _ => Err("has a backslash that is not `\\.`".to_owned()),
            },
            '[' => self.class().map(Node::One),
            '(' => self.group(),
            '*' | '+' | '?' => Err(format!("has `{c}` where nothing can be repeated")),
            c if is_legal(c) => Ok(Node::One(Set::of(c))),
            c => Err(format!("has `{c}`: only letters, digits and `_ - \\. . [ ] ( ) | * + ?`")),
        }
    }

    fn repeated(&mut self, node: Node) -> Result<Node, String> {
        let Some(how) = self.rest.next_if(|c| matches!(c, '*' | '+' | '?')) else {
            return Ok(node);
        };
        match self.rest.peek() {
            Some('*' | '+' | '?') => Err(format!("repeats `{how}`")),
            _ => Ok(Node::Repeated(Box::new(node), how)),
        }
    }

    fn group(&mut self) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > NESTING_MAX {
            return Err(format!("has more than {NESTING_MAX} parentheses in each other"));
        }
        let mut nodes = vec![self.sequence()?];
        while self.rest.next_if_eq(&'|').is_some() {
            nodes.push(self.sequence()?);
        }
        self.depth -= 1;
        match self.rest.next() {
            Some(_) => Ok(Node::Either(nodes)),
            None => Err("has a `(` that is not closed".to_owned()),
        }
    }

    /// What stands in `[…]`.
    fn class(&mut self) -> Result<Set, String> {
        let is_negated = self.rest.next_if_eq(&'^').is_some();
        let (mut set, mut is_empty) = (Set::NONE, true);
        loop {
            let c = self.rest.next().ok_or("has a `[` that is not closed")?;
            match c {
                ']' if is_empty => return Err("has an empty `[]`".to_owned()),
                ']' => break,
                c if !is_legal(c) => return Err(format!("has `{c}` in `[…]`")),
                low => {
                    is_empty = false;
                    set.0 |= self.range(low)?.0;
                }
            }
        }
        Ok(if is_negated { Set(Set::any().0 & !set.0) } else { set })
    }

    fn range(&mut self, low: char) -> Result<Set, String> {
        // A hyphen is itself only at the end, where every dialect reads it so.
        if low == '-' && self.rest.peek() != Some(&']') {
            return Err("has `-` in `[…]` that is not last".to_owned());
        }
        if low == '-' || self.rest.peek() != Some(&'-') {
            return Ok(Set::of(low));
        }
        self.rest.next();
        if self.rest.peek() == Some(&']') {
            return Ok(Set(Set::of(low).0 | Set::of('-').0));
        }
        let high = self.rest.next().ok_or("has a `[` that is not closed")?;
        let alike = |kind: fn(&char) -> bool| kind(&low) && kind(&high);
        let fits = alike(char::is_ascii_lowercase)
            || alike(char::is_ascii_uppercase)
            || alike(char::is_ascii_digit);
        match fits && low <= high {
            true => Ok(Set::range(low, high)),
            false => Err(format!("has `{low}-{high}`, which is no range of letters or digits")),
        }
    }
}

#[cfg(test)]
mod tests;
