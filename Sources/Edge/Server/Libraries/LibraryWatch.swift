import Concurrency
import Installation
import Lifecycle
import Logging

/// Warns when an update has replaced files of the running program or its libraries; checks once a minute.
struct LibraryWatch: Service {
    let logger: Logger

    func run(until stop: StopRequest) async throws {
        var told: [String] = []
        while await stop.sleep(for: .seconds(60)) {
            let replaced = MappedFiles()?.replaced ?? []
            if !replaced.isEmpty, replaced != told {
                logger.warning(
                    "Files of the running program were replaced, probably by an update: restart the server.",
                    metadata: ["files": "\(replaced.joined(separator: ", "))"])
            }
            told = replaced
        }
    }
}
