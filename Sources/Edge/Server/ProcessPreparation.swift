import FastP384
import Glibc
import HTTPClient
import Lifecycle
package import Logging

extension KBSServer {
    /// Makes this process a server's: call it once, before ``run()`` and before other threads are started.
    ///
    /// A write to a connection or pipe that nobody reads is an error from then on, and a fault of the process leaves a
    /// line in the log's form. Reports' signatures are verified by Nettle, unless it must be a FIPS module.
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
