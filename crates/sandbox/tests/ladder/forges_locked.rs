// Fails with E0451. The proof of having locked cannot be written down.
use orlop_sandbox::posture::Posture;
use orlop_sandbox::worker::Locked;

pub fn forge(posture: Posture) -> Locked<()> {
    Locked { resources: (), posture, ..unreachable!() }
}
