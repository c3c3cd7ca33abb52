//! A bar chart in SVG, readable on light and dark pages.

use std::fmt::Write as _;

use super::Summary;

/// One bar.
#[derive(Debug, Clone)]
pub(super) struct Bar {
    /// Left of it.
    pub(super) label: String,
    /// Its length is the median; a line goes from min to max.
    pub(super) summary: Summary,
    /// Drawn in the strong colour.
    pub(super) ours: bool,
}

const WIDTH: f64 = 820.0;
const LEFT: f64 = 210.0;
const RIGHT: f64 = 90.0;
const TOP: f64 = 70.0;
const ROW: f64 = 34.0;

/// The chart as a document.
pub(super) fn svg(title: &str, subtitle: &str, bars: &[Bar]) -> String {
    let height = TOP + ROW * count(bars.len()) + 20.0;
    // Outliers would squeeze the medians into a corner: the lines are cut where the axis ends.
    let longest = bars.iter().map(|bar| bar.summary.median).fold(1.0, f64::max) * 1.25;
    let x = |value: f64| LEFT + value.min(longest) / longest * (WIDTH - LEFT - RIGHT);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"14\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"16\" y=\"28\" font-size=\"18\" font-weight=\"600\" fill=\"#1f2328\">{}</text>\n\
         <text x=\"16\" y=\"50\" font-size=\"12\" fill=\"#59636e\">{}</text>\n",
        escaped(title),
        escaped(subtitle)
    );
    for (row, bar) in bars.iter().enumerate() {
        let (y, middle) = (TOP + ROW * count(row), TOP + ROW * count(row) + 11.0);
        let Summary { min, median, max } = bar.summary;
        let colour = if bar.ours { "#b7410e" } else { "#8c959f" };
        // Writing to a String cannot fail.
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#1f2328\">{}</text>\n\
             <rect x=\"{LEFT:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"22\" rx=\"2\" fill=\"{colour}\"/>\n\
             <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\" stroke=\"#1f2328\" stroke-width=\"1.5\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" font-weight=\"600\" fill=\"#1f2328\">{median:.1} ms</text>\n",
            LEFT - 10.0,
            middle + 5.0,
            escaped(&bar.label),
            x(median) - LEFT,
            x(min),
            x(max),
            x(max.max(median)) + 8.0,
            middle + 5.0,
        );
    }
    svg + "</svg>\n"
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

    fn bar(label: &str, median: f64) -> Bar {
        Bar { label: label.into(), summary: Summary { min: median, median, max: median * 100.0 }, ours: false }
    }

    #[test]
    fn a_bar_twice_as_slow_is_twice_as_long() {
        let svg = svg("t", "s", &[bar("a", 10.0), bar("b", 20.0)]);
        let widths: Vec<f64> = svg
            .split("<rect x=")
            .skip(1)
            .filter_map(|rest| rest.split("width=\"").nth(1)?.split('"').next()?.parse().ok())
            .collect();
        assert_eq!(widths.len(), 2);
        assert!((widths[1] / widths[0] - 2.0).abs() < 0.01, "{widths:?}");
    }

    #[test]
    fn labels_cannot_break_the_document() {
        let svg = svg("a < b & c", "", &[bar("<x>", 1.0)]);
        assert!(svg.contains("a &lt; b &amp; c") && svg.contains("&lt;x&gt;"));
    }
}
