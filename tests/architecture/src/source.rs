//! What needs the syntax tree: lengths of functions, names of inline modules, where tests are.

use crate::text::MODULE_NAMES;
use crate::tree::Source;
use crate::{Rule, Violation};
use std::ops::RangeInclusive;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// STYLE 6: from `fn` to the closing brace.
const FUNCTION_LINES_MAX: usize = 70;

/// A parsed file, and the lines of it that are compiled for tests only.
pub struct Parsed {
    pub file: syn::File,
    pub test_lines: Vec<RangeInclusive<usize>>,
}

/// Parses a source file.
///
/// # Errors
/// A violation, when the file is not Rust.
pub fn parse(source: &Source) -> Result<Parsed, Violation> {
    let file = syn::parse_file(&source.text).map_err(|error| Violation {
        rule: Rule::Unparsed,
        file: source.path.clone(),
        line: error.span().start().line,
        message: error.to_string(),
    })?;
    let mut tests = TestLines::default();
    tests.visit_file(&file);
    Ok(Parsed { file, test_lines: tests.lines })
}

pub fn check(source: &Source, parsed: &Parsed, found: &mut Vec<Violation>) {
    let mut checker = Checker { source, found };
    checker.visit_file(&parsed.file);
}

#[derive(Default)]
struct TestLines {
    lines: Vec<RangeInclusive<usize>>,
}

impl<'ast> Visit<'ast> for TestLines {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if attributes.iter().any(is_test) {
            let span = item.span();
            self.lines.push(span.start().line..=span.end().line);
        } else {
            visit::visit_item(self, item);
        }
    }
}

/// `#[test]`, `#[tokio::test]` or a `cfg` that mentions `test`.
fn is_test(attribute: &syn::Attribute) -> bool {
    let path = attribute.path();
    if path.segments.last().is_some_and(|last| last.ident == "test") {
        return true;
    }
    let syn::Meta::List(list) = &attribute.meta else { return false };
    let mut words = list.tokens.clone().into_iter();
    path.is_ident("cfg") && words.next().is_some_and(|word| word.to_string() == "test")
}

struct Checker<'a> {
    source: &'a Source,
    found: &'a mut Vec<Violation>,
}

impl Checker<'_> {
    fn push(&mut self, rule: Rule, line: usize, message: String) {
        let file = self.source.path.clone();
        self.found.push(Violation { rule, file, line, message });
    }

    fn function(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let start = signature.span().start().line;
        let lines = body.span().end().line - start + 1;
        if lines > FUNCTION_LINES_MAX {
            let name = &signature.ident;
            let message =
                format!("function `{name}` has {lines} lines, more than {FUNCTION_LINES_MAX}");
            self.push(Rule::FunctionLines, start, message);
        }
    }
}

impl<'ast> Visit<'ast> for Checker<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.function(&item.sig, body);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        // A module in a file of its own is found by the file's name.
        if item.content.is_some() && MODULE_NAMES.iter().any(|name| item.ident == name) {
            let line = item.ident.span().start().line;
            self.push(
                Rule::ModuleName,
                line,
                format!("a module named `{}` says nothing", item.ident),
            );
        }
        visit::visit_item_mod(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_measured_from_its_signature_to_its_brace() {
        let body = |lines: usize| "    let _ = 1;\n".repeat(lines);
        let text = format!(
            "//! Doc.\n#[inline]\nfn fits() {{\n{}}}\n\n\
             impl A {{\n    fn long() {{\n{}    }}\n}}\n",
            body(68),
            body(69)
        );
        let source = Source { path: "crates/x/src/lib.rs".to_owned(), text };
        let parsed = parse(&source).unwrap_or_else(|violation| panic!("{violation}"));
        let mut found = Vec::new();
        check(&source, &parsed, &mut found);
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        let expected = "crates/x/src/lib.rs:75: function-lines: \
                        function `long` has 71 lines, more than 70";
        assert_eq!(found, [expected]);
    }

    #[test]
    fn lines_compiled_for_tests_are_known() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n#[test]\nfn c() {}\n\
                    #[cfg(feature = \"test\")]\nfn d() {}\n";
        let source = Source { path: "crates/x/src/lib.rs".to_owned(), text: text.to_owned() };
        let parsed = parse(&source).unwrap_or_else(|violation| panic!("{violation}"));
        assert_eq!(parsed.test_lines, [2..=5, 6..=7]);
    }
}
