import FastP384
import Glibc
import HTTPClient
import Lifecycle
package import Logging

extension KBSServer {
    /// Prepares the process for a server. Call it once, before ``run()`` and before other threads start.
    ///
    /// Afterwards a write to a closed connection or pipe is an error and no signal, and a fault of the process leaves a
    /// line in the log's form. Reports' signatures are verified by Nettle, unless a FIPS module is required.
    package static func prepareProcess(_ format: LogFormat) {
        Signal.ignoreFailedWrites()
        HTTPClientLibrary.prepareProcess()
        FastP384.install()
        LastWords.prepare(on: STDERR_FILENO) { fault in
            let message = "The server ends by \(fault)."
            return switch format {
            case .text: "critical kbs: [Server] \(message)"
            case .json: #"{"level":"critical","logger":"kbs","message":"\#(message)"}"#
            }
        }
    }
}
