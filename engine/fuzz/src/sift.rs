use crate::Target;
use crate::coverage::Coverage;

/// Of the inputs that were found those that add to what the seeds reach, small ones first, while
/// they have room.
pub fn sift(
    target: &Target,
    seeds: &[Vec<u8>],
    mut found: Vec<Vec<u8>>,
    bytes_max: usize,
) -> Vec<Vec<u8>> {
    let mut coverage = Coverage::new();
    for seed in seeds {
        reach(target, seed, &mut coverage);
    }
    found.sort_by_key(Vec::len);
    found.dedup();
    let mut bytes = 0;
    let mut kept = Vec::new();
    for input in found {
        if bytes + input.len() > bytes_max {
            break;
        }
        if reach(target, &input, &mut coverage) > 0 {
            bytes += input.len();
            kept.push(input);
        }
    }
    kept
}

fn reach(target: &Target, input: &[u8], coverage: &mut Coverage) -> usize {
    coverage.clear();
    (target.run)(input);
    coverage.take_new()
}
