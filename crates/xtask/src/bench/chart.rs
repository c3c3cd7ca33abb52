//! A bar chart in SVG. It draws its own background and knows light and dark pages, so that it can be shown on any.

use std::fmt::Write as _;

use super::Summary;

/// What the chart says besides its bars.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words<'a> {
    /// What was measured.
    pub(super) title: &'a str,
    /// How it was measured.
    pub(super) subtitle: &'a str,
    /// Behind each number: `ms`, `s`.
    pub(super) unit: &'a str,
    /// How many digits a number has behind its point.
    pub(super) digits: usize,
}

/// One bar.
#[derive(Debug, Clone)]
pub(super) struct Bar {
    /// Left of it.
    pub(super) label: String,
    /// Its length is the median; a line shows the middle half of the runs.
    pub(super) summary: Summary,
    /// Drawn in the strong colour.
    pub(super) ours: bool,
}

const WIDTH: f64 = 820.0;
const LEFT: f64 = 210.0;
/// Room for the number behind the longest line.
const RIGHT: f64 = 100.0;
const TOP: f64 = 76.0;
const ROW: f64 = 32.0;
const THICK: f64 = 20.0;
/// Room for the axis and its numbers.
const BOTTOM: f64 = 44.0;

/// The colours. A page that shows the file as an image passes on whether its reader prefers dark.
const STYLE: &str = "\
.page{fill:#ffffff;stroke:#d1d9e0}.text{fill:#1f2328}.pale{fill:#59636e}.ours{fill:#c2410c}.theirs{fill:#9aa4af}\
.grid{stroke:#e6eaef}.range{stroke:#1f2328}\
@media(prefers-color-scheme:dark){.page{fill:#0d1117;stroke:#3d444d}.text{fill:#f0f6fc}.pale{fill:#9198a1}\
.ours{fill:#f0883e}.theirs{fill:#656c76}.grid{stroke:#252b33}.range{stroke:#f0f6fc}}";

/// The chart as a document.
pub(super) fn svg(words: Words, bars: &[Bar]) -> String {
    let Words { title, subtitle, unit, digits } = words;
    let bottom = TOP + ROW * count(bars.len());
    let height = bottom + BOTTOM;
    let longest = bars.iter().map(|bar| bar.summary.median).fold(f64::MIN_POSITIVE, f64::max);
    let step = step(longest);
    // Lines are cut where the axis ends: a wide one would squeeze the medians into a corner.
    let end = (longest * 1.1 / step).ceil() * step;
    let x = |value: f64| LEFT + value.min(end) / end * (WIDTH - LEFT - RIGHT);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"14\" role=\"img\">\n\
         <title>{0}</title>\n<style>{STYLE}</style>\n\
         <path class=\"page\" d=\"M.5 .5H{1}V{2}H.5Z\"/>\n\
         <text class=\"text\" x=\"20\" y=\"32\" font-size=\"18\" font-weight=\"600\">{0}</text>\n\
         <text class=\"pale\" x=\"20\" y=\"54\" font-size=\"12\">{3}</text>\n",
        escaped(title),
        WIDTH - 0.5,
        height - 0.5,
        escaped(subtitle)
    );
    svg += &axis(end, step, unit, bottom, x);
    for (row, bar) in bars.iter().enumerate() {
        let (y, middle) = (TOP + ROW * count(row), TOP + ROW * count(row) + THICK / 2.0);
        let Summary { median, lower, upper, .. } = bar.summary;
        let class = if bar.ours { "ours" } else { "theirs" };
        // Writing to a String cannot fail.
        let _ = write!(
            svg,
            "<text class=\"text\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n\
             <rect class=\"{class}\" x=\"{LEFT:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{THICK}\" rx=\"2\"/>\n\
             <path class=\"range\" d=\"M{:.1} {middle:.1}H{:.1}\" stroke-width=\"1.5\"/>\n\
             <text class=\"text\" x=\"{:.1}\" y=\"{:.1}\" font-weight=\"600\">{median:.digits$} {}</text>\n",
            LEFT - 12.0,
            middle + 5.0,
            escaped(&bar.label),
            x(median) - LEFT,
            x(lower),
            x(upper),
            x(upper.max(median)) + 8.0,
            middle + 5.0,
            escaped(unit),
        );
    }
    svg + "</svg>\n"
}

/// Lines across the bars, and their numbers below.
fn axis(end: f64, step: f64, unit: &str, bottom: f64, x: impl Fn(f64) -> f64) -> String {
    let mut svg = String::new();
    let mut value = 0.0;
    while value <= end + step / 2.0 {
        let at = x(value);
        let unit = if value == 0.0 { String::new() } else { format!(" {}", escaped(unit)) };
        let _ = write!(
            svg,
            "<path class=\"grid\" d=\"M{at:.1} {:.1}V{bottom:.1}\"/>\n\
             <text class=\"pale\" x=\"{at:.1}\" y=\"{:.1}\" font-size=\"12\" text-anchor=\"middle\">{value}{unit}</text>\n",
            TOP - 8.0,
            bottom + 18.0,
        );
        value += step;
    }
    svg
}

/// The distance of two lines: 1, 2 or 5 times a power of ten, so that there are four to ten of them.
fn step(longest: f64) -> f64 {
    let power = 10_f64.powf((longest / 4.0).log10().floor());
    let fitting = [5.0, 2.0, 1.0].map(|factor| factor * power).into_iter().find(|step| *step <= longest / 4.0);
    fitting.unwrap_or(power)
}

fn count(rows: usize) -> f64 {
    rows as f64
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: Words = Words { title: "a < b & c", subtitle: "s", unit: "s", digits: 2 };

    fn bar(label: &str, median: f64) -> Bar {
        let summary = Summary { min: median, median, max: median * 100.0, lower: median, upper: median * 50.0 };
        Bar { label: label.into(), summary, ours: false }
    }

    #[test]
    fn a_bar_twice_as_slow_is_twice_as_long() {
        let svg = svg(WORDS, &[bar("a", 10.0), bar("b", 20.0)]);
        let widths: Vec<f64> = svg
            .split("<rect ")
            .skip(1)
            .filter_map(|rest| rest.split("width=\"").nth(1)?.split('"').next()?.parse().ok())
            .collect();
        assert_eq!(widths.len(), 2);
        assert!((widths[1] / widths[0] - 2.0).abs() < 0.01, "{widths:?}");
    }

    #[test]
    fn labels_cannot_break_the_document() {
        let svg = svg(WORDS, &[bar("<x>", 1.0)]);
        assert!(svg.contains("a &lt; b &amp; c") && svg.contains("&lt;x&gt;"));
    }

    #[test]
    fn a_number_has_the_unit_in_which_it_was_measured() {
        let svg = svg(WORDS, &[bar("a boot", 3.378)]);
        assert!(svg.contains(">3.38 s<") && !svg.contains("ms<"), "{svg}");
    }

    #[test]
    fn there_are_four_to_ten_steps_to_the_longest_bar() {
        for (longest, want) in [(0.9, 0.2), (4.0, 1.0), (9.9, 2.0), (100.0, 20.0), (102.3, 20.0), (60.0, 10.0)] {
            let got = step(longest);
            assert!((got - want).abs() < 1e-9, "{longest}: {got}");
        }
    }
}
