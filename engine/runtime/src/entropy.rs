use event::Rng;

pub trait Entropy: Send + Sync {
    /// Fills `bytes` with what nobody can guess.
    fn fill(&self, bytes: &mut [u8]);

    /// A fresh generator for jitter and the like, not for secrets.
    fn rng(&self) -> Rng {
        let mut seed = [0; 8];
        self.fill(&mut seed);
        Rng::seeded(u64::from_le_bytes(seed))
    }
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        // A machine that has no randomness cannot make keys; nothing better than stopping is left.
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_os_fills_all_and_never_alike() {
        let (mut a, mut b) = ([0u8; 37], [0u8; 37]);
        OsEntropy.fill(&mut a);
        OsEntropy.fill(&mut b);
        assert_ne!(a, b);
        assert_ne!(OsEntropy.rng(), OsEntropy.rng());
    }
}
