//! Smallest, median and largest of a few numbers, and between which the middle half of them lies.

/// What is told about a series.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub(crate) struct Summary {
    /// The smallest.
    pub(crate) min: f64,
    /// The middle one, or the mean of the middle two.
    pub(crate) median: f64,
    /// The largest.
    pub(crate) max: f64,
    /// A quarter of them is smaller: the lower end of the middle half. Unlike the smallest, it is not decided by one run.
    pub(crate) lower: f64,
    /// A quarter of them is larger.
    pub(crate) upper: f64,
}

impl Summary {
    /// `None` for an empty series.
    pub(crate) fn of(numbers: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = numbers.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let median =
            if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) };
        // Of few numbers the nearest, rather than a value that nobody measured.
        let quarter = (sorted.len() - 1) / 4;
        let (lower, upper) = (sorted[quarter], sorted[sorted.len() - 1 - quarter]);
        Some(Self { min, median, max, lower, upper })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_run_is_not_in_the_middle_half() {
        let summary = Summary::of([4.0, 1629.0, 1.0, 5.0, 3.0, 2.0, 6.0, 7.0, 8.0]).unwrap();
        assert_eq!((summary.lower, summary.upper, summary.max), (3.0, 7.0, 1629.0));
    }

    #[test]
    fn the_median_is_the_middle_whatever_the_order() {
        for (what, numbers, want) in [
            ("odd", vec![3.0, 1.0, 2.0], Some((1.0, 2.0, 3.0))),
            ("even", vec![4.0, 1.0, 2.0, 3.0], Some((1.0, 2.5, 4.0))),
            ("one", vec![7.0], Some((7.0, 7.0, 7.0))),
            ("none", vec![], None),
        ] {
            assert_eq!(Summary::of(numbers).map(|s| (s.min, s.median, s.max)), want, "{what}");
        }
    }
}
