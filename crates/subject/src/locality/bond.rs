//! How rows belong to identities, and what an operation makes of that.
//!
//! | rows are | in a build of some identities |
//! |---|---|
//! | free | all there: code lists, constants |
//! | held | those of these identities; columns that carry the identity are known |
//! | linked | those that a `via` query leads to these identities; they become held by a join |
//!
//! | join of | has to be |
//! |---|---|
//! | held and held | on the whole identity |
//! | held and linked | on what the `via` query yields, and keep no linked row alone |
//! | linked and linked | on what both `via` queries yield |
//! | held or linked, and free | such that it keeps no free row alone |

use std::collections::BTreeSet;

/// Columns of which each carries one part of the identity, or of the link, by canonical name.
pub(super) type Carriers = Vec<BTreeSet<String>>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bond {
    Free,
    Held(Carriers),
    Linked { links: Carriers, partners: BTreeSet<String> },
}

impl Bond {
    /// What has to stay together with a row, if anything.
    pub fn parts(&self) -> Option<&Carriers> {
        match self {
            Self::Free => None,
            Self::Held(carriers) => Some(carriers),
            Self::Linked { links, .. } => Some(links),
        }
    }

    fn parts_mut(&mut self) -> Option<&mut Carriers> {
        match self {
            Self::Free => None,
            Self::Held(carriers) => Some(carriers),
            Self::Linked { links, .. } => Some(links),
        }
    }

    /// Whether rows that agree in these columns belong together.
    pub fn is_within(&self, names: &[String]) -> bool {
        self.parts().is_none_or(|parts| {
            parts.iter().all(|part| names.iter().any(|name| part.contains(name)))
        })
    }

    /// Columns that are equal carry the same.
    pub fn equate(&mut self, pairs: &[(String, String)]) {
        for part in self.parts_mut().into_iter().flatten() {
            for (left, right) in pairs {
                if part.contains(left) || part.contains(right) {
                    part.extend([left.clone(), right.clone()]);
                }
            }
        }
    }
}

/// One side of a join.
pub(super) struct Side<'a> {
    pub bond: &'a Bond,
    /// Tables that were read for it.
    pub tables: &'a BTreeSet<String>,
    /// Whether its rows are kept where the other side has none.
    pub kept: bool,
}

/// The bond of rows joined on equal pairs; what stands in the way as an error.
pub(super) fn join(
    left: &Side<'_>,
    right: &Side<'_>,
    pairs: &[(String, String)],
) -> Result<Bond, String> {
    match (left.bond, right.bond) {
        (Bond::Free, Bond::Free) => Ok(Bond::Free),
        (bond, Bond::Free) if !right.kept => Ok(bond.clone()),
        (Bond::Free, bond) if !left.kept => Ok(bond.clone()),
        (_, Bond::Free) | (Bond::Free, _) => {
            Err("rows of a code list are kept where no row of an identity matches".to_owned())
        }
        (Bond::Held(l), Bond::Held(r)) => held_held((l, left.kept), (r, right.kept), pairs),
        (Bond::Held(l), Bond::Linked { links, partners }) => {
            held_linked(l, left, (links, partners, right.kept), pairs)
        }
        (Bond::Linked { links, partners }, Bond::Held(r)) => {
            let turned: Vec<_> = pairs.iter().map(|(l, r)| (r.clone(), l.clone())).collect();
            held_linked(r, right, (links, partners, left.kept), &turned)
        }
        (
            Bond::Linked { links: l, partners: left_partners },
            Bond::Linked { links: r, partners: right_partners },
        ) => {
            let meets = |part: &BTreeSet<String>| r.iter().any(|other| meet(part, other, pairs));
            if l.len() != r.len() || !l.iter().all(meets) {
                return Err("two inputs are joined by other columns than their `via` queries \
                            yield"
                    .to_owned());
            }
            let partners = left_partners.union(right_partners).cloned().collect();
            let links = if left.kept || !right.kept { l.clone() } else { r.clone() };
            Ok(Bond::Linked { links, partners })
        }
    }
}

fn held_held(
    (left, left_kept): (&Carriers, bool),
    (right, right_kept): (&Carriers, bool),
    pairs: &[(String, String)],
) -> Result<Bond, String> {
    let mut carriers = Carriers::with_capacity(left.len());
    for (l, r) in left.iter().zip(right) {
        if !meet(l, r, pairs) {
            return Err("rows of two identities are joined with each other".to_owned());
        }
        carriers.push(match (left_kept, right_kept) {
            (false, false) => l.union(r).cloned().collect(),
            (true, false) => l.clone(),
            (false, true) => r.clone(),
            (true, true) => either(l, r),
        });
    }
    Ok(Bond::Held(carriers))
}

/// The ways in which a query says "the one that is there", as written and as the optimiser
/// rewrites it.
fn either(left: &BTreeSet<String>, right: &BTreeSet<String>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for l in left {
        for r in right {
            for (a, b) in [(l, r), (r, l)] {
                names.insert(format!("coalesce({a}, {b})"));
                names.insert(format!("CASE WHEN {a} IS NOT NULL THEN {a} ELSE {b} END"));
            }
        }
    }
    names
}

fn held_linked(
    carriers: &Carriers,
    held: &Side<'_>,
    (links, partners, linked_kept): (&Carriers, &BTreeSet<String>, bool),
    pairs: &[(String, String)],
) -> Result<Bond, String> {
    if linked_kept {
        return Err("rows that a `via` query leads to an identity are kept without one".to_owned());
    }
    let matched = |part: &BTreeSet<String>| pairs.iter().any(|(_, r)| part.contains(r));
    if !links.iter().all(matched) {
        return Err("an input is joined by other columns than its `via` query yields".to_owned());
    }
    if let Some(partner) = partners.difference(held.tables).next() {
        return Err(format!("an input is joined without `{partner}`, which its `via` query reads"));
    }
    Ok(Bond::Held(carriers.clone()))
}

/// Whether a column of one is equal to a column of the other.
fn meet(left: &BTreeSet<String>, right: &BTreeSet<String>, pairs: &[(String, String)]) -> bool {
    let same = |(l, r): &(String, String)| left.contains(l) && right.contains(r);
    pairs.iter().any(same)
}
