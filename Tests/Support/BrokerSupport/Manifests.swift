public import Broker
import Crypto

extension Manifest {
    /// One under a key that all stores of tests share. Each store has what it knows to itself, as each server has.
    public static var tested: Manifest { Manifest(testedKeys) }

    public static var testedKeys: KeyRing {
        KeyRing(master: SymmetricKey(data: [UInt8](repeating: 7, count: 32)))
    }
}
