import Concurrency
import Installation
import Lifecycle
import Logging

/// Says which libraries run, and says once in a while when the disk has newer ones.
struct LibraryWatch: Service {
    let logger: Logger

    func run(until stop: StopRequest) async throws {
        var told: [String] = []
        while await stop.sleep(for: .seconds(60)) {
            let replaced = MappedFiles()?.replaced ?? []
            if !replaced.isEmpty, replaced != told {
                logger.warning(
                    "Files of this program were replaced since it was started, by an update perhaps: restart it.",
                    metadata: ["files": "\(replaced.joined(separator: ", "))"])
            }
            told = replaced
        }
    }
}
