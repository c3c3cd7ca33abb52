//! Whether a word is another one with a slip or two: a verb, an option, a key of a configuration.

/// The one of `known` words that `word` is nearest to: it, or one slip away from one of up to five letters, two from a longer
/// one. A slip is a letter too many, one too few, a wrong one, or two in the wrong order. Dashes before a word do not count,
/// for those that are options.
#[must_use]
pub fn nearest<'v>(word: &str, known: &[&'v str]) -> Option<&'v str> {
    let typed = word.trim_start_matches('-');
    let near = known.iter().filter_map(|verb| {
        let letters = verb.trim_start_matches('-');
        let slips = slips(typed.as_bytes(), letters.as_bytes());
        let allowed = if letters.len() > 5 { 2 } else { 1 };
        (slips <= allowed).then_some((slips, *verb))
    });
    near.min().map(|(_, verb)| verb)
}

/// How many slips lead from `typed` to `meant` (optimal string alignment).
fn slips(typed: &[u8], meant: &[u8]) -> usize {
    // Rows of the table: for the letters of `typed` before the last one, for all but the last one, and for all.
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=meant.len()).collect();
    for (i, letter) in typed.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, wanted) in meant.iter().enumerate() {
            let mut least = (last[j] + usize::from(letter != wanted)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && typed[i - 1] == *wanted && *letter == meant[j - 1] {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[meant.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_with_a_slip_is_near_and_another_word_is_not() {
        let verbs = ["status", "renew", "release", "reload", "--plan"];
        for (what, word, want) in [
            ("a letter too few", "statu", Some("status")),
            ("a letter too many", "renew1", Some("renew")),
            ("a wrong letter", "relead", Some("reload")),
            ("two letters in the wrong order", "stauts", Some("status")),
            ("two slips in a long word", "relaese1", Some("release")),
            ("two slips in a short word", "rnw", None),
            ("the verb itself", "status", Some("status")),
            ("an option without its dashes", "plan", Some("--plan")),
            ("with a slip", "pln", Some("--plan")),
            ("with its dashes", "--pln", Some("--plan")),
            ("an interface", "eth0", None),
            ("another interface", "wlan0", None),
            ("nothing", "", None),
            ("another verb", "start", None),
        ] {
            assert_eq!(nearest(word, &verbs), want, "{what}");
        }
    }
}
