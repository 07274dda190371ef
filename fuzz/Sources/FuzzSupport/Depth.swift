import Glibc

/// How far inputs came, said when a run ends: a reader that refuses everything in its first line is fuzzed for nothing.
public enum Depth {
    // A fuzz target has one thread.
    nonisolated(unsafe) private static var counts: [String: Int] = [:]
    nonisolated(unsafe) private static var isRegistered = false

    /// Counts an input that came so far.
    public static func reached(_ place: String) {
        if !isRegistered {
            isRegistered = true
            atexit { Depth.tell() }
        }
        counts[place, default: 0] += 1
    }

    private static func tell() {
        for (place, count) in counts.sorted(by: { $0.key < $1.key }) { print("reached: \(count) \(place)") }
    }

    /// The input as an array.
    public static func bytes(_ start: UnsafePointer<UInt8>, _ count: Int) -> [UInt8] {
        Array(UnsafeBufferPointer(start: start, count: count))
    }
}
