import Concurrency
package import FoundationEssentials
package import Installation
import TLS

/// What new connections are served with. A connection keeps what it began with, but not the role of a certificate
/// whose authorities were replaced.
package final class CurrentTLS: Sendable {
    /// What became of a look at the files.
    enum Reload {
        /// They hold what they held at the last look.
        case unchanged
        case replaced
        /// They cannot be served with, so what was there before goes on.
        case refused(InvalidSetting)
    }

    private struct State {
        var served: ServedTLS
        /// Of the files when they were last looked at, usable or not; `nil` when they could not be read.
        var seen: [UInt8]?
        /// Why they could not be read.
        var failure: InvalidSetting?
    }

    private let state: Lock<State>
    let files: TLSFiles

    /// - Throws: ``InvalidSetting`` when the files cannot be served with.
    package init(_ files: TLSFiles) throws {
        self.files = files
        let contents = try files.read()
        state = Lock(State(served: try ServedTLS(contents, of: files), seen: contents.digest))
    }

    var served: ServedTLS { state.withLock { $0.served } }

    /// What a new connection begins with, asked for each.
    var next: @Sendable () -> TLSContext { { self.served.context } }

    /// When the certificate that is served now expires.
    package var expiry: Date { served.validity.upperBound }

    /// Looks at the files, and serves with them if they have changed and are usable.
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

    /// The same failure is told once.
    private func failed(_ error: any Error) -> Reload {
        let failure = error as? InvalidSetting ?? InvalidSetting("\(error)")
        return state.withLock { state in
            guard state.failure != failure else { return .unchanged }
            (state.seen, state.failure) = (nil, failure)
            return .refused(failure)
        }
    }
}
