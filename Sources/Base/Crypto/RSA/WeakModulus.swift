/// Detects RSA keys of the flawed generator in smart cards and TPMs, whose primes can be guessed (CVE-2017-15361, "ROCA").
///
/// Its primes are powers of 65,537 modulo the product of the primes up to 701, and so is the modulus. A good modulus has
/// this property with a probability of 2⁻¹⁶⁷. Source: Nemec et al., "The Return of Coppersmith's Attack", section 2.
enum WeakModulus {
    private struct Prime {
        let value: UInt64
        /// The number of powers of 65,537.
        let order: UInt64
    }

    /// The most selective first.
    private static let primes: [Prime] = {
        var primes: [Prime] = []
        for value in UInt64(3)...701 where (2..<value).allSatisfy({ $0 * $0 > value || value % $0 != 0 }) {
            var (order, power) = (UInt64(1), 65_537 % value)
            while power != 1 { (order, power) = (order + 1, power * 65_537 % value) }
            // If every number is a power, the prime distinguishes nothing.
            if order < value - 1 { primes.append(Prime(value: value, order: order)) }
        }
        return primes.sorted { $0.order * ($1.value - 1) < $1.order * ($0.value - 1) }
    }()

    /// - Parameter modulus: big-endian.
    static func isGuessable(_ modulus: [UInt8]) -> Bool {
        primes.allSatisfy { prime in
            let rest = remainder(modulus, prime.value)
            return rest != 0 && power(rest, prime.order, prime.value) == 1
        }
    }

    private static func remainder(_ number: [UInt8], _ prime: UInt64) -> UInt64 {
        var (rest, word, count) = (UInt64(0), UInt64(0), 0)
        let first = number.count % 4
        for (index, byte) in number.enumerated() {
            word = word << 8 | UInt64(byte)
            count += 1
            if (index + 1 - first).isMultiple(of: 4) {
                rest = (rest << UInt64(8 * count) | word) % prime
                (word, count) = (0, 0)
            }
        }
        return rest
    }

    private static func power(_ base: UInt64, _ exponent: UInt64, _ prime: UInt64) -> UInt64 {
        var (result, square, left) = (UInt64(1), base % prime, exponent)
        while left > 0 {
            if left & 1 == 1 { result = result * square % prime }
            square = square * square % prime
            left >>= 1
        }
        return result
    }
}
