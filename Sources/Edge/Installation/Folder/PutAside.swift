import Files
import FoundationEssentials

extension URL {
    /// The name that a file gets when another takes its place: the same with a word and the time, in UTC, behind it.
    ///
    /// - Parameter word: e.g. `before-restore`.
    func aside(_ word: String, at time: Date) -> URL {
        let stamp = time.formatted(.iso8601.dateSeparator(.omitted).timeSeparator(.omitted))
        return URL(filePath: "\(filePath).\(word)-\(stamp)")
    }
}
