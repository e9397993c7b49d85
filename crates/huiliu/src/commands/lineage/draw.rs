//! Lineage as a graph for Graphviz, and as a picture made here.
//!
//! The picture has one part per table: its inputs as boxes on the left, the table on the right,
//! a line from column to column. Names are ASCII (`spec` sees to it), so a character has one
//! width. Grades have colours and are written out as well.

use super::Traced;
use huiliu_model::Grade;
use huiliu_subject::grade_word;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

/// Columns of each input that are drawn, with their grades.
type Boxes<'a> = BTreeMap<&'a str, BTreeMap<&'a str, Grade>>;

fn boxes<'a>(traced: impl Iterator<Item = &'a Traced<'a>>) -> Boxes<'a> {
    let mut boxes = Boxes::new();
    for column in traced.flat_map(|table| &table.lineage.columns) {
        for (source, grade) in &column.sources {
            boxes.entry(&source.input).or_default().insert(&source.column, *grade);
        }
    }
    boxes
}

/// Prints a graph with one node per table and one edge per pair of columns.
///
/// # Errors
/// When the output cannot be written.
pub fn dot(traced: &[Traced<'_>], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "digraph lineage {{")?;
    writeln!(out, "  rankdir=LR;\n  node [shape=record, fontname=monospace];")?;
    let tables: BTreeSet<&str> = traced.iter().map(|t| t.lineage.table.as_str()).collect();
    let field = |name: &str, grade: Grade| format!("|<{name}> {name} ({})", grade_word(grade));
    let inputs = boxes(traced.iter());
    for (name, columns) in inputs.iter().filter(|(name, _)| !tables.contains(*name)) {
        let fields: String = columns.iter().map(|(column, grade)| field(column, *grade)).collect();
        writeln!(out, "  \"{name}\" [label=\"{name}{fields}\"];")?;
    }
    for Traced { lineage, .. } in traced {
        let fields: String = lineage.columns.iter().map(|c| field(&c.column, c.grade)).collect();
        writeln!(out, "  \"{0}\" [label=\"{0}{fields}\", style=bold];", lineage.table)?;
    }
    for Traced { lineage, .. } in traced {
        for column in &lineage.columns {
            for (source, _) in &column.sources {
                let (from, to) = (&source.column, &column.column);
                writeln!(
                    out,
                    "  \"{}\":\"{from}\" -> \"{}\":\"{to}\";",
                    source.input, lineage.table
                )?;
            }
        }
    }
    writeln!(out, "}}")
}

const ROW: usize = 18;
const CHARACTER: usize = 8;
const MARGIN: usize = 16;
/// Room between the boxes for the lines.
const BETWEEN: usize = 180;

/// A box of the picture: where it stands and its rows from the top.
struct Drawn<'a> {
    x: usize,
    y: usize,
    width: usize,
    name: &'a str,
    rows: Vec<(&'a str, Grade)>,
}

impl Drawn<'_> {
    fn height(&self) -> usize {
        ROW * (self.rows.len() + 1)
    }

    /// Height of the middle of a column's row.
    fn middle(&self, column: &str) -> Option<usize> {
        let at = self.rows.iter().position(|(name, _)| *name == column)?;
        Some(self.y + ROW * (at + 1) + ROW / 2)
    }

    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { x, y, width, name, .. } = self;
        writeln!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{}\" class=\"box\"/>\
             <text x=\"{}\" y=\"{}\" class=\"head\">{name}</text>",
            self.height(),
            x + CHARACTER,
            y + ROW - 5
        )?;
        for (at, (column, grade)) in self.rows.iter().enumerate() {
            let base = y + ROW * (at + 2) - 5;
            let word = grade_word(*grade);
            writeln!(
                out,
                "<text x=\"{}\" y=\"{base}\">{column}</text>\
                 <text x=\"{}\" y=\"{base}\" class=\"{word}\" text-anchor=\"end\">{word}</text>",
                x + CHARACTER,
                x + width - CHARACTER
            )?;
        }
        Ok(())
    }
}

/// Prints the picture.
///
/// # Errors
/// When the output cannot be written.
pub fn svg(traced: &[Traced<'_>], out: &mut impl Write) -> io::Result<()> {
    let mut parts = Vec::with_capacity(traced.len());
    let (mut top, mut width) = (MARGIN, 0);
    for table in traced {
        let (inputs, output) = layout(table, top);
        let bottom = inputs.iter().chain([&output]).map(|b| b.y + b.height()).max();
        top = bottom.unwrap_or(top) + 2 * MARGIN;
        width = width.max(output.x + output.width + MARGIN);
        parts.push((table, inputs, output));
    }
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{top}\" \
         font-family=\"monospace\" font-size=\"12\"><style>.box{{fill:#fff;stroke:#555}}\
         .head{{font-weight:bold}}.L1{{fill:#2a7}}.L2{{fill:#27a}}.L3{{fill:#c70}}\
         .L4{{fill:#c00}}path{{fill:none;stroke:#999}}</style>"
    )?;
    for (table, inputs, output) in &parts {
        lines(table, inputs, output, out)?;
        inputs.iter().chain([output]).try_for_each(|b| b.print(out))?;
    }
    writeln!(out, "</svg>")
}

fn layout<'a>(table: &'a Traced<'_>, top: usize) -> (Vec<Drawn<'a>>, Drawn<'a>) {
    let width = |name: &str, rows: &[(&str, Grade)]| {
        let longest = rows.iter().map(|(column, _)| column.len() + 4).max().unwrap_or(0);
        CHARACTER * (longest.max(name.len()) + 2)
    };
    let mut y = top;
    let mut inputs = Vec::new();
    for (name, columns) in boxes(std::iter::once(table)) {
        let rows: Vec<_> = columns.into_iter().collect();
        let drawn = Drawn { x: MARGIN, y, width: width(name, &rows), name, rows };
        y += drawn.height() + MARGIN;
        inputs.push(drawn);
    }
    let x = MARGIN + inputs.iter().map(|b| b.width).max().unwrap_or(0) + BETWEEN;
    let rows: Vec<_> = table.lineage.columns.iter().map(|c| (c.column.as_str(), c.grade)).collect();
    let name = table.lineage.table.as_str();
    (inputs, Drawn { x, y: top, width: width(name, &rows), name, rows })
}

fn lines(
    table: &Traced<'_>,
    inputs: &[Drawn<'_>],
    output: &Drawn<'_>,
    out: &mut impl Write,
) -> io::Result<()> {
    for column in &table.lineage.columns {
        for (source, _) in &column.sources {
            let Some(input) = inputs.iter().find(|b| b.name == source.input) else { continue };
            let ends = (input.middle(&source.column), output.middle(&column.column));
            let (Some(from), Some(to)) = ends else { continue };
            let (x1, x2) = (input.x + input.width, output.x);
            let bend = (x1 + x2) / 2;
            writeln!(out, "<path d=\"M{x1} {from} C{bend} {from} {bend} {to} {x2} {to}\"/>")?;
        }
    }
    Ok(())
}
