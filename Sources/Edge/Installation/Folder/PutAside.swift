import Files
import FoundationEssentials

extension URL {
    /// The name for a file that another replaces: its own with a word and the time (UTC) appended.
    ///
    /// - Parameter word: e.g. `before-restore`.
    func aside(_ word: String, at time: Date) -> URL {
        let stamp = time.formatted(.iso8601.dateSeparator(.omitted).timeSeparator(.omitted))
        return URL(filePath: "\(filePath).\(word)-\(stamp)")
    }
}
