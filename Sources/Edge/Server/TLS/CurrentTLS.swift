import Concurrency
package import FoundationEssentials
package import Installation
import TLS

/// The TLS identity for new connections. A connection keeps the identity that it began with, but a client certificate
/// loses its role once its authorities are replaced.
package final class CurrentTLS: Sendable {
    /// The result of a reload.
    enum Reload {
        /// The files have the same contents as before.
        case unchanged
        case replaced
        /// The files cannot be used, and the previous identity stays.
        case refused(InvalidSetting)
    }

    private struct State {
        var served: ServedTLS
        /// Digest of the files at the last reload, usable or not; `nil` if they could not be read.
        var seen: [UInt8]?
        /// Why they could not be read.
        var failure: InvalidSetting?
    }

    private let state: Lock<State>
    let files: TLSFiles

    /// - Throws: ``InvalidSetting`` if the files cannot be used.
    package init(_ files: TLSFiles) throws {
        self.files = files
        let contents = try files.read()
        state = Lock(State(served: try ServedTLS(contents, of: files), seen: contents.digest))
    }

    var served: ServedTLS { state.withLock { $0.served } }

    /// The context for the next connection.
    var next: @Sendable () -> TLSContext { { self.served.context } }

    /// When the current certificate expires.
    package var expiry: Date { served.validity.upperBound }

    /// Reads the files, and uses them if they have changed and are valid.
    func reload() -> Reload {
        let contents: TLSFiles.Contents
        do {
            contents = try files.read()
        } catch {
            return failed(error)
        }
        let digest = contents.digest
        guard state.withLock({ $0.seen != digest }) else { return .unchanged }
        do {
            let served = try ServedTLS(contents, of: files)
            state.withLock { $0 = State(served: served, seen: digest) }
            return .replaced
        } catch {
            state.withLock { ($0.seen, $0.failure) = (digest, nil) }
            return .refused(error as? InvalidSetting ?? InvalidSetting("\(error)"))
        }
    }

    /// Reports the same failure only once.
    private func failed(_ error: any Error) -> Reload {
        let failure = error as? InvalidSetting ?? InvalidSetting("\(error)")
        return state.withLock { state in
            guard state.failure != failure else { return .unchanged }
            (state.seen, state.failure) = (nil, failure)
            return .refused(failure)
        }
    }
}
