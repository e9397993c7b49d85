//! The way through a plan: every column by its canonical name, every node by its [`Bond`].
//!
//! The canonical name of a column is its expression in terms of the columns of tables, each scan
//! counted apart: `#2.holder_code`. Columns that are equal by name are equal by value in every
//! row of a node, whatever they are called there.

use super::bond::{Bond, Carriers, Side, join};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, JoinType};
use datafusion::logical_expr::expr::WindowFunctionParams;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Distinct, Expr, Join, LogicalPlan, Operator};
use std::collections::{BTreeMap, BTreeSet};

/// How the rows of a table belong to identities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// Every row to every identity.
    All,
    /// By these columns.
    By(Vec<String>),
    /// By expressions over its own columns, written with `#` for the table.
    Own(Vec<String>),
    Via(Through),
}

/// What a `via` query leads through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Through {
    /// Columns of the input that the query yields.
    pub shared: Vec<String>,
    /// Tables the query reads besides the input.
    pub partners: BTreeSet<String>,
}

pub(super) struct Walk<'a> {
    origins: &'a BTreeMap<String, Origin>,
    counted: usize,
}

/// What is known of the rows of a node.
struct Facts {
    /// Canonical names of the columns.
    names: Vec<String>,
    bond: Bond,
    tables: BTreeSet<String>,
}

impl<'a> Walk<'a> {
    /// Without any origins, all tables are taken for free.
    pub fn new(origins: &'a BTreeMap<String, Origin>) -> Self {
        Self { origins, counted: 0 }
    }

    /// Whether the plan's rows are determined by these of its columns.
    pub fn ends_in(&mut self, plan: &LogicalPlan, identity: &[String]) -> Result<(), String> {
        let facts = self.node(plan)?;
        let Bond::Held(carriers) = &facts.bond else {
            return Err("the rows belong to no identity".to_owned());
        };
        for (name, carriers) in identity.iter().zip(carriers) {
            let at = plan.schema().fields().iter().position(|field| field.name() == name);
            let known = at.and_then(|at| facts.names.get(at));
            if !known.is_some_and(|name| carriers.contains(name)) {
                return Err(format!(
                    "column `{name}` is not the identity by which inputs are read"
                ));
            }
        }
        Ok(())
    }

    /// Whether the plan's rows are those of each identity, one after the other.
    pub fn is_split(&mut self, plan: &LogicalPlan) -> bool {
        self.node(plan).is_ok_and(|facts| matches!(facts.bond, Bond::Held(_)))
    }

    /// Columns of a plan over one table alone, in terms of `#`; `None` when there is more to it.
    pub fn in_terms_of(&mut self, plan: &LogicalPlan, columns: &[String]) -> Option<Vec<String>> {
        let mut node = plan;
        loop {
            match node {
                LogicalPlan::TableScan(_) => break,
                LogicalPlan::Projection(_)
                | LogicalPlan::Filter(_)
                | LogicalPlan::SubqueryAlias(_) => node = node.inputs().first()?,
                _ => return None,
            }
        }
        let names = self.node(plan).ok()?.names;
        let of = |column: &String| {
            let at = plan.schema().fields().iter().position(|f| f.name() == column)?;
            Some(names.get(at)?.replace("#1.", "#."))
        };
        columns.iter().map(of).collect()
    }

    fn fresh(&mut self) -> usize {
        self.counted += 1;
        self.counted
    }

    fn node(&mut self, plan: &LogicalPlan) -> Result<Facts, String> {
        match plan {
            LogicalPlan::TableScan(scan) => {
                let columns = scan.projected_schema.fields().iter().map(|f| f.name().clone());
                self.scan(&scan.table_name.to_string(), columns.collect())
            }
            LogicalPlan::EmptyRelation(_) | LogicalPlan::Values(_) => {
                let names = self.strange(plan.schema().fields().len());
                Ok(Facts { names, bond: Bond::Free, tables: BTreeSet::new() })
            }
            LogicalPlan::SubqueryAlias(alias) => self.node(&alias.input),
            LogicalPlan::Repartition(node) => self.node(&node.input),
            LogicalPlan::Projection(node) => {
                let facts = self.node(&node.input)?;
                let names = self.canonical(&node.expr, node.input.schema(), &facts)?;
                Ok(Facts { names, ..facts })
            }
            LogicalPlan::Filter(node) => {
                let mut facts = self.node(&node.input)?;
                self.no_subquery(&node.predicate)?;
                let pairs = self.equal(&[&node.predicate], node.input.schema(), &facts)?;
                facts.bond.equate(&pairs);
                Ok(facts)
            }
            LogicalPlan::Sort(node) if node.fetch.is_none() => self.node(&node.input),
            LogicalPlan::Sort(_) | LogicalPlan::Limit(_) => {
                self.free(plan, "a limit picks rows among those of all identities")
            }
            LogicalPlan::Window(node) => {
                let facts = self.node(&node.input)?;
                self.windows(&node.window_expr, node.input.schema(), facts)
            }
            LogicalPlan::Aggregate(node) => {
                let facts = self.node(&node.input)?;
                let grouped = self.canonical(&node.group_expr, node.input.schema(), &facts)?;
                if !facts.bond.is_within(&grouped) {
                    return Err("an aggregate takes rows of several identities together".to_owned());
                }
                let more = plan.schema().fields().len().saturating_sub(grouped.len());
                let names = grouped.into_iter().chain(self.strange(more)).collect();
                Ok(Facts { names, ..facts })
            }
            LogicalPlan::Distinct(Distinct::All(input)) => {
                let facts = self.node(input)?;
                if !facts.bond.is_within(&facts.names) {
                    return Err("DISTINCT takes rows of several identities together".to_owned());
                }
                Ok(facts)
            }
            LogicalPlan::Join(node) => self.join(node),
            LogicalPlan::Union(node) => {
                let branches =
                    node.inputs.iter().map(|input| self.node(input)).collect::<Result<_, _>>()?;
                self.union(branches)
            }
            other => self.free(other, "the plan has a step that is not understood"),
        }
    }

    fn scan(&mut self, table: &str, columns: Vec<String>) -> Result<Facts, String> {
        let number = self.fresh();
        let name = |column: &String| format!("#{number}.{column}");
        let each = |columns: &[String]| -> Carriers {
            columns.iter().map(|column| [name(column)].into()).collect()
        };
        let bond = match self.origins.get(table) {
            None if !self.origins.is_empty() => {
                return Err(format!("table `{table}` is not among the inputs"));
            }
            None | Some(Origin::All) => Bond::Free,
            Some(Origin::By(columns)) => Bond::Held(each(columns)),
            Some(Origin::Own(exprs)) => {
                let own = |expr: &String| [expr.replace("#.", &format!("#{number}."))].into();
                Bond::Held(exprs.iter().map(own).collect())
            }
            Some(Origin::Via(through)) => {
                Bond::Linked { links: each(&through.shared), partners: through.partners.clone() }
            }
        };
        let names = columns.iter().map(name).collect();
        Ok(Facts { names, bond, tables: [table.to_owned()].into() })
    }

    /// Names of columns about which nothing is known.
    fn strange(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| format!("?{}", self.fresh())).collect()
    }

    /// A node that is fine as long as its rows belong to no identity.
    fn free(&mut self, plan: &LogicalPlan, why: &str) -> Result<Facts, String> {
        let mut tables = BTreeSet::new();
        for input in plan.inputs() {
            let facts = self.node(input)?;
            if facts.bond != Bond::Free {
                return Err(why.to_owned());
            }
            tables.extend(facts.tables);
        }
        let names = self.strange(plan.schema().fields().len());
        Ok(Facts { names, bond: Bond::Free, tables })
    }

    fn canonical(
        &mut self,
        exprs: &[Expr],
        schema: &DFSchema,
        facts: &Facts,
    ) -> Result<Vec<String>, String> {
        exprs
            .iter()
            .map(|expr| {
                self.no_subquery(expr)?;
                Ok(canonical(expr, schema, &facts.names))
            })
            .collect()
    }

    /// Subqueries that the optimiser left are not looked into.
    fn no_subquery(&self, expr: &Expr) -> Result<(), String> {
        let found = expr.exists(|part| {
            Ok(matches!(part, Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_)))
        });
        match found {
            Ok(false) => Ok(()),
            _ => Err("a subquery could not be made a join".to_owned()),
        }
    }

    /// Pairs of names that a condition says to be equal.
    fn equal(
        &self,
        conditions: &[&Expr],
        schema: &DFSchema,
        facts: &Facts,
    ) -> Result<Vec<(String, String)>, String> {
        let mut pairs = Vec::new();
        for part in conditions.iter().flat_map(|condition| split_conjunction(condition)) {
            if let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = part {
                let name = |side: &Expr| canonical(side, schema, &facts.names);
                pairs.push((name(left), name(right)));
            }
        }
        Ok(pairs)
    }

    fn windows(
        &mut self,
        exprs: &[Expr],
        schema: &DFSchema,
        facts: Facts,
    ) -> Result<Facts, String> {
        for expr in exprs {
            let expr = expr.clone().unalias_nested().data;
            let Expr::WindowFunction(call) = &expr else {
                return Err("the plan has a window that is not understood".to_owned());
            };
            let WindowFunctionParams { partition_by, .. } = &call.params;
            let within = self.canonical(partition_by, schema, &facts)?;
            if !facts.bond.is_within(&within) {
                return Err("a window takes rows of several identities together".to_owned());
            }
        }
        let mut names = facts.names;
        names.extend(self.strange(exprs.len()));
        Ok(Facts { names, ..facts })
    }

    fn join(&mut self, node: &Join) -> Result<Facts, String> {
        let (left, right) = (self.node(&node.left)?, self.node(&node.right)?);
        let mut pairs: Vec<(String, String)> = node
            .on
            .iter()
            .map(|(l, r)| {
                let l = canonical(l, node.left.schema(), &left.names);
                (l, canonical(r, node.right.schema(), &right.names))
            })
            .collect();
        if let Some(filter) = &node.filter {
            self.no_subquery(filter)?;
            let schema = node.left.schema().join(node.right.schema()).map_err(|e| e.to_string())?;
            let both = left.names.iter().chain(&right.names).cloned().collect();
            let both = Facts { names: both, bond: Bond::Free, tables: BTreeSet::new() };
            let found = self.equal(&[filter], &schema, &both)?;
            pairs.extend(found.iter().map(|(a, b)| (b.clone(), a.clone())));
            pairs.extend(found);
        }
        let (left_kept, right_kept) = kept(node.join_type);
        let tables = left.tables.union(&right.tables).cloned().collect();
        let mut bond = join(
            &Side { bond: &left.bond, tables: &left.tables, kept: left_kept },
            &Side { bond: &right.bond, tables: &right.tables, kept: right_kept },
            &pairs,
        )?;
        if !left_kept && !right_kept {
            bond.equate(&pairs);
        }
        let mut names = match node.join_type {
            JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => left.names,
            JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => right.names,
            _ => left.names.into_iter().chain(right.names).collect(),
        };
        let more = node.schema.fields().len().saturating_sub(names.len());
        names.extend(self.strange(more));
        Ok(Facts { names, bond, tables })
    }

    fn union(&mut self, branches: Vec<Facts>) -> Result<Facts, String> {
        let tables = branches.iter().flat_map(|facts| facts.tables.clone()).collect();
        let width = branches.first().map_or(0, |facts| facts.names.len());
        let names = self.strange(width);
        let together = |of: &dyn Fn(&Facts) -> Option<&Carriers>| -> Option<Carriers> {
            let all: Vec<&Carriers> = branches.iter().map(of).collect::<Option<_>>()?;
            let count = all.first()?.len();
            let part = |at: usize| -> BTreeSet<String> {
                let carries = |column: &usize| {
                    branches.iter().zip(&all).all(|(facts, parts)| {
                        let name = facts.names.get(*column);
                        name.zip(parts.get(at)).is_some_and(|(name, part)| part.contains(name))
                    })
                };
                (0..width).filter(carries).map(|column| names[column].clone()).collect()
            };
            let parts: Carriers = (0..count).map(part).collect();
            let same = all.iter().all(|parts| parts.len() == count);
            (same && parts.iter().all(|part| !part.is_empty())).then_some(parts)
        };
        let held = together(&|facts| match &facts.bond {
            Bond::Held(carriers) => Some(carriers),
            _ => None,
        });
        let linked = together(&|facts| match &facts.bond {
            Bond::Linked { links, .. } => Some(links),
            _ => None,
        });
        let bond = if branches.iter().all(|facts| facts.bond == Bond::Free) {
            Bond::Free
        } else if let Some(carriers) = held {
            Bond::Held(carriers)
        } else if let Some(links) = linked {
            let partners = branches.iter().flat_map(|facts| match &facts.bond {
                Bond::Linked { partners, .. } => partners.clone(),
                _ => BTreeSet::new(),
            });
            Bond::Linked { links, partners: partners.collect() }
        } else {
            return Err("the parts of a UNION belong to identities in different ways".to_owned());
        };
        Ok(Facts { names, bond, tables })
    }
}

/// Whether rows of the left and of the right side are kept without a match.
fn kept(join_type: JoinType) -> (bool, bool) {
    match join_type {
        JoinType::Inner => (false, false),
        JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => {
            (true, false)
        }
        JoinType::Right | JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => {
            (false, true)
        }
        JoinType::Full => (true, true),
    }
}

/// An expression over the columns of a node, in terms of the columns of tables.
fn canonical(expr: &Expr, schema: &DFSchema, names: &[String]) -> String {
    let replaced = expr.clone().transform_up(|part| {
        Ok(match part {
            Expr::Alias(alias) => Transformed::yes(*alias.expr),
            Expr::Column(column) => {
                let at = schema.maybe_index_of_column(&column);
                let name = at.and_then(|at| names.get(at)).cloned();
                let name = name.unwrap_or_else(|| format!("?{column}"));
                Transformed::yes(Expr::Column(Column::new_unqualified(name)))
            }
            other => Transformed::no(other),
        })
    });
    replaced.map_or_else(|_| format!("?{expr}"), |found| plain(&found.data))
}

/// A column by its bare name, anything else as it is written.
fn plain(expr: &Expr) -> String {
    match expr {
        Expr::Column(column) => column.name.clone(),
        other => other.to_string(),
    }
}
