//! The lookup tables of `smtp_tls_policy_maps`, and the levels that they give.
//!
//! Owns how a list of tables is taken apart (postconf(5)), and what the text of each type
//! says (DATABASE_README): a source text is read in the place of what `postmap` made of it.
//! Refuses to open a file, and to say what is wrong.

use std::collections::BTreeMap;

use super::syntax::{closing, logical_lines};

/// A table, as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// `type:name`.
    pub typed: String,
    /// Where its entries are.
    pub entries: Entries,
}

/// Where the entries of a table are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entries {
    /// In a file.
    File(TableFile),
    /// In the setting itself: what is looked up, and what it gives.
    Inline(Vec<Entry>),
    /// Somewhere that is not read: a server, another program, a type that is not known.
    Elsewhere,
}

/// A table's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFile {
    /// The file that is written by hand.
    pub source: String,
    /// The file that Postfix opens.
    pub opened: String,
    /// How the source is written.
    syntax: Syntax,
}

impl TableFile {
    /// Whether `postmap` makes the file that Postfix opens.
    pub fn is_compiled(&self) -> bool {
        self.source != self.opened
    }
}

/// How a source text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Syntax {
    /// A key, blanks, a value (postmap(1)).
    Keys,
    /// A pattern between delimiters, flags, blanks, a value (regexp_table(5)).
    Patterns,
}

/// What a destination has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The destination, or the pattern that it matches; `*` for any.
    pub destination: String,
    /// The level in lower case, since Postfix does not tell them apart; empty where there
    /// is none.
    pub level: String,
}

impl Entry {
    /// The level is the first word of the value (TLS_README, "TLS policy table").
    fn of(destination: &str, value: &str) -> Self {
        let level = value.split([' ', '\t', ',']).find(|word| !word.is_empty());
        let level = level.unwrap_or_default().to_ascii_lowercase();
        Self { destination: destination.to_owned(), level }
    }
}

impl Table {
    /// The tables that a setting lists.
    pub(super) fn list(maps: &str) -> Vec<Self> {
        apart(maps).into_iter().map(Self::of).collect()
    }

    fn of(typed: &str) -> Self {
        // By way of a server of Postfix's own (proxymap(8)), the table is the same.
        let bare = typed.strip_prefix("proxy:").unwrap_or(typed);
        let (kind, name) = bare.split_once(':').unwrap_or((bare, ""));
        let entries = match kind {
            "inline" => Entries::Inline(inline(name)),
            "static" => Entries::Inline(vec![Entry::of("*", unbraced(name))]),
            _ => file(kind, name).map_or(Entries::Elsewhere, Entries::File),
        };
        Self { typed: typed.to_owned(), entries }
    }

    /// The file of it, if it has one.
    pub fn file(&self) -> Option<&TableFile> {
        match &self.entries {
            Entries::File(file) => Some(file),
            Entries::Inline(_) | Entries::Elsewhere => None,
        }
    }

    /// What it says, by the source texts that were read; `None` where that is not known.
    pub fn read(&self, texts: &BTreeMap<String, String>) -> Option<Vec<Entry>> {
        match &self.entries {
            Entries::Inline(entries) => Some(entries.clone()),
            Entries::Elsewhere => None,
            Entries::File(file) => {
                let lines = logical_lines(texts.get(&file.source)?);
                let entry = match file.syntax {
                    Syntax::Keys => keyed,
                    Syntax::Patterns => patterned,
                };
                Some(lines.iter().filter_map(|line| entry(line)).collect())
            }
        }
    }
}

fn file(kind: &str, path: &str) -> Option<TableFile> {
    let (ending, syntax) = match kind {
        "hash" | "btree" => (".db", Syntax::Keys),
        "lmdb" => (".lmdb", Syntax::Keys),
        "cdb" => (".cdb", Syntax::Keys),
        "texthash" | "cidr" => ("", Syntax::Keys),
        "regexp" | "pcre" => ("", Syntax::Patterns),
        _ => return None,
    };
    path.starts_with('/').then(|| TableFile {
        source: path.to_owned(),
        opened: format!("{path}{ending}"),
        syntax,
    })
}

/// Words apart by blanks and commas that stand in no braces.
fn apart(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let is_break = |letter: char| {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && (letter == ',' || letter.is_whitespace())
    };
    text.split(is_break).filter(|word| !word.is_empty()).collect()
}

/// What stands between braces, or all of it.
fn unbraced(text: &str) -> &str {
    let text = text.trim();
    match closing(text) {
        Some(end) if text.starts_with('{') => text.get(1..end).unwrap_or_default().trim(),
        _ => text,
    }
}

/// `{ name = level, { name = level and more } }` (DATABASE_README, "inline").
fn inline(text: &str) -> Vec<Entry> {
    let spaced = unbraced(text);
    let words = apart(spaced).into_iter().filter_map(|word| unbraced(word).split_once('='));
    words.map(|(key, value)| Entry::of(key.trim(), value.trim())).collect()
}

/// A line without a value is ignored with a warning; `if` and `endif` are no entries
/// (cidr_table(5)).
fn keyed(line: &str) -> Option<Entry> {
    let (key, value) = line.split_once(char::is_whitespace)?;
    let is_entry = !matches!(key, "if" | "endif");
    is_entry.then(|| Entry::of(key, value))
}

/// `/pattern/flags value`, with any delimiter; a `!` before it turns the match around.
fn patterned(line: &str) -> Option<Entry> {
    let bare = line.strip_prefix('!').map_or(line, str::trim_start);
    let delimiter = bare.chars().next().filter(|letter| !letter.is_alphanumeric())?;
    let mut is_escaped = false;
    let end = bare.char_indices().skip(1).find_map(|(at, letter)| {
        let ends = letter == delimiter && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        ends.then_some(at + letter.len_utf8())
    })?;
    let (pattern, rest) = bare.split_at_checked(end)?;
    let (_flags, value) = rest.split_once(char::is_whitespace)?;
    Some(Entry::of(pattern, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(entries: &[Entry]) -> Vec<(&str, &str)> {
        entries.iter().map(|one| (one.destination.as_str(), one.level.as_str())).collect()
    }

    fn read(typed: &str, text: &str) -> Vec<Entry> {
        let texts = [("/t".to_owned(), text.to_owned())].into();
        Table::list(typed).remove(0).read(&texts).unwrap()
    }

    #[test]
    fn a_list_is_taken_apart_by_what_stands_in_no_braces() {
        let maps = "hash:/a, inline:{ { b.example = encrypt, x } c.example=may } static:{dane}\n\
            proxy:mysql:/d socketmap:inet:127.0.0.1:1:x";
        let listed = Table::list(maps);
        let typed: Vec<&str> = listed.iter().map(|table| table.typed.as_str()).collect();
        assert_eq!(typed.len(), 5, "{typed:?}");
        assert_eq!((typed[0], typed[2], typed[3]), ("hash:/a", "static:{dane}", "proxy:mysql:/d"));
        let file = listed[0].file().unwrap();
        assert_eq!((file.source.as_str(), file.opened.as_str()), ("/a", "/a.db"));
        let none = BTreeMap::new();
        let inline = listed[1].read(&none).unwrap();
        assert_eq!(pairs(&inline), [("b.example", "encrypt"), ("c.example", "may")]);
        assert_eq!(pairs(&listed[2].read(&none).unwrap()), [("*", "dane")]);
        assert!([0, 3, 4].into_iter().all(|at| listed[at].read(&none).is_none()));
    }

    #[test]
    fn the_level_is_the_first_word_of_the_value() {
        let text = "# remark\na.example Dane-Only\n[b.example]:25\tsecure match=x:y\n  ciphers=high\n\
            broken\nc.example ,encrypt,protocols=TLSv1.2\n";
        for typed in ["texthash:/t", "hash:/t", "btree:/t", "lmdb:/t", "cdb:/t", "proxy:hash:/t"] {
            let entries = read(typed, text);
            let expected = [
                ("a.example", "dane-only"),
                ("[b.example]:25", "secure"),
                ("c.example", "encrypt"),
            ];
            assert_eq!(pairs(&entries), expected, "{typed}");
        }
    }

    #[test]
    fn patterns_end_where_their_delimiter_stands_again() {
        let text = "/^a\\/ b$/i may\nif /x/\n!|y| none\nendif\n/no value/\n/no end\n";
        for typed in ["regexp:/t", "pcre:/t"] {
            let entries = read(typed, text);
            assert_eq!(pairs(&entries), [("/^a\\/ b$/", "may"), ("|y|", "none")]);
        }
    }

    #[test]
    fn garbage_is_read_as_nothing() {
        for text in ["", "{", "}", "inline:{{{", "static:", "inline:", ":", "{}{}", "a\u{0}b,,,"] {
            for table in Table::list(text) {
                let _ = table.read(&BTreeMap::new());
            }
            for typed in ["texthash:/t", "pcre:/t"] {
                assert!(read(typed, text).iter().all(|entry| entry.level.is_empty()), "{text}");
            }
        }
    }
}
