//! The SQL of an output column: its expression, and those of the steps and views it names.

use crate::catalogue::Catalogue;
use datafusion::sql::sqlparser::ast::{
    Expr, Query, Select, SelectItem, SetExpr, Statement, TableFactor, visit_expressions,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use huiliu_spec::table::TableSpec;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// One expression on the way to a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    /// `query.sql`, a step of it (`query.sql, step capital`) or `view market_entity`.
    pub place: String,
    pub column: String,
    pub sql: String,
}

/// Steps and views one below the other.
const DEPTH_MAX: usize = 16;

/// The expressions of a column of a table, from the outside in; a column that is only passed on
/// is left out, unless it ends in an input.
pub fn expressions(spec: &TableSpec, catalogue: &Catalogue, column: &str) -> Vec<Expression> {
    let mut walk = Walk { catalogue, found: Vec::new() };
    if let Some(query) = parsed(&spec.query) {
        walk.of_query(&query, &Scope::default(), Wanted { column, place: "query.sql", depth: 0 });
    }
    walk.found
}

fn parsed(sql: &str) -> Option<Box<Query>> {
    let statements = Parser::parse_sql(&GenericDialect {}, sql).ok()?;
    match statements.into_iter().next()? {
        Statement::Query(query) => Some(query),
        _ => None,
    }
}

/// Steps that a query may name.
type Scope = BTreeMap<String, Query>;

#[derive(Clone, Copy)]
struct Wanted<'a> {
    column: &'a str,
    place: &'a str,
    depth: usize,
}

struct Walk<'a> {
    catalogue: &'a Catalogue,
    found: Vec<Expression>,
}

impl Walk<'_> {
    fn of_query(&mut self, query: &Query, outer: &Scope, wanted: Wanted<'_>) {
        if wanted.depth > DEPTH_MAX {
            return;
        }
        let mut scope = outer.clone();
        for step in query.with.iter().flat_map(|with| &with.cte_tables) {
            scope.insert(step.alias.name.value.clone(), (*step.query).clone());
        }
        let Some(index) = first(&query.body).and_then(|select| place_of(select, wanted.column))
        else {
            return;
        };
        self.of_body(&query.body, &scope, (index, wanted));
    }

    /// All parts of a union, by the place of the column in the first one.
    fn of_body(&mut self, body: &SetExpr, scope: &Scope, (index, wanted): (usize, Wanted<'_>)) {
        match body {
            SetExpr::Select(select) => {
                let expr = select.projection.get(index).and_then(expr_of);
                if let Some(expr) = expr {
                    self.of_expr(expr, select, scope, wanted);
                }
            }
            SetExpr::Query(query) => self.of_query(query, scope, wanted),
            SetExpr::SetOperation { left, right, .. } => {
                self.of_body(left, scope, (index, wanted));
                self.of_body(right, scope, (index, wanted));
            }
            _ => {}
        }
    }

    fn of_expr(&mut self, expr: &Expr, select: &Select, scope: &Scope, wanted: Wanted<'_>) {
        let mut below = Vec::new();
        let _ = visit_expressions(expr, |part| {
            if let Some((relation, column)) = named(part)
                && let Some(relation) = relation_of(select, relation.as_deref())
                && !below.contains(&(relation.clone(), column.clone()))
            {
                below.push((relation, column));
            }
            ControlFlow::<()>::Continue(())
        });
        let is_step = |(relation, _): &(String, String)| {
            scope.contains_key(relation) || self.view(relation).is_some()
        };
        if named(expr).is_none() || !below.iter().any(is_step) {
            let expression = Expression {
                place: wanted.place.to_owned(),
                column: wanted.column.to_owned(),
                sql: expr.to_string(),
            };
            if !self.found.contains(&expression) {
                self.found.push(expression);
            }
        }
        for (relation, column) in below {
            let depth = wanted.depth + 1;
            if let Some(step) = scope.get(&relation) {
                let file = wanted.place.split(", step").next().unwrap_or(wanted.place);
                let place = format!("{file}, step {relation}");
                self.of_query(step, scope, Wanted { column: &column, place: &place, depth });
            } else if let Some(query) = self.view(&relation).and_then(parsed) {
                let place = format!("view {relation}");
                let wanted = Wanted { column: &column, place: &place, depth };
                self.of_query(&query, &Scope::default(), wanted);
            }
        }
    }

    fn view(&self, name: &str) -> Option<&str> {
        self.catalogue.views().find(|view| view.name == name).map(|view| view.sql.as_str())
    }
}

/// The first SELECT of a union: it names the columns.
fn first(body: &SetExpr) -> Option<&Select> {
    match body {
        SetExpr::Select(select) => Some(select),
        SetExpr::Query(query) => first(&query.body),
        SetExpr::SetOperation { left, .. } => first(left),
        _ => None,
    }
}

fn place_of(select: &Select, column: &str) -> Option<usize> {
    select.projection.iter().position(|item| match item {
        SelectItem::ExprWithAlias { alias, .. } => alias.value == column,
        SelectItem::UnnamedExpr(expr) => named(expr).is_some_and(|(_, name)| name == column),
        _ => false,
    })
}

fn expr_of(item: &SelectItem) -> Option<&Expr> {
    match item {
        SelectItem::ExprWithAlias { expr, .. } | SelectItem::UnnamedExpr(expr) => Some(expr),
        _ => None,
    }
}

/// Relation and name of an expression that is a column and nothing else.
fn named(expr: &Expr) -> Option<(Option<String>, String)> {
    match expr {
        Expr::Identifier(name) => Some((None, name.value.clone())),
        Expr::CompoundIdentifier(parts) => {
            let (name, relation) = parts.split_last()?;
            Some((relation.last().map(|part| part.value.clone()), name.value.clone()))
        }
        _ => None,
    }
}

/// The table, step or view that an alias stands for; without one, the only one there is.
fn relation_of(select: &Select, alias: Option<&str>) -> Option<String> {
    let mut relations = select.from.iter().flat_map(|from| {
        std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation))
    });
    let told = |factor: &TableFactor| match factor {
        TableFactor::Table { name, alias, .. } => {
            let name = name.to_string();
            let known_as = alias.as_ref().map_or_else(|| name.clone(), |a| a.name.value.clone());
            Some((known_as, name))
        }
        _ => None,
    };
    match alias {
        Some(alias) => {
            relations.filter_map(told).find(|(known_as, _)| known_as == alias).map(|(_, name)| name)
        }
        None => {
            let only = relations.next().and_then(told)?;
            relations.next().is_none().then_some(only.1)
        }
    }
}
