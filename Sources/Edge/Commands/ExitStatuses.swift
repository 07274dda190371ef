import Administration
package import Arguments
import Broker
import Bytes
import Files
import HTTP
import HTTPClient
import HTTPEdge
import Installation
import LaunchDigest
import MasterKeys
import X509

/// A command's exit status, with the same meaning for every command.
enum Outcome: Int32, CaseIterable {
    case failed = 1
    case unusable = 2
    case unreachable = 3
    case refused = 4
    case missing = 5

    var meaning: String {
        switch self {
        case .failed:
            "The command failed, e.g. because its output could not be written. From commands that examine something: a "
                + "fault was found."
        case .unusable: "An input cannot be used: a file, a value, a setting, a document."
        case .unreachable: "The server cannot be reached, or cannot do it now."
        case .refused: "The server, or a conflict with existing data, does not allow it."
        case .missing: "The named object does not exist."
        }
    }

    init(_ error: any Error) {
        // A failed write to standard output came first.
        guard Output.failure == nil else {
            self = .failed
            return
        }
        switch error {
        case let refusal as Refusal: self.init(status: refusal.code.status.code)
        case let failure as RemoteFailure: self.init(status: failure.status)
        case let error as HTTPClientError: self = error.reason == .request ? .unusable : .unreachable
        case let failure as CommandFailure: self = failure.outcome
        case is EndorsementUnavailable: self = .unreachable
        case is FileError, is MalformedInput, is InvalidSetting, is MasterKeyError, is CertificateError,
            is LaunchDigestError:
            self = .unusable
        default: self = .failed
        }
    }

    /// Whether what must be new exists: from a call that demands nothing else.
    static func isConflict(_ error: any Error) -> Bool {
        switch error {
        case let refusal as Refusal: [.resourceExists, .preconditionFailed].contains(refusal.code)
        case let failure as RemoteFailure: [409, 412].contains(failure.status)
        default: false
        }
    }

    private init(status: Int) {
        switch status {
        case 404, 410: self = .missing
        case 400, 413, 414, 415, 422, 431: self = .unusable
        case 400..<500: self = .refused
        default: self = .unreachable
        }
    }
}

/// The failure of a command, as a sentence. It is shown without the usage, since the command line is well-formed.
struct CommandFailure: Error, CustomStringConvertible {
    let description: String
    let outcome: Outcome

    init(_ description: String, _ outcome: Outcome = .unusable) {
        (self.description, self.outcome) = (description, outcome)
    }
}

extension KBS {
    package static func exitCode(of error: any Error) -> ExitCode { ExitCode(Outcome(error).rawValue) }

    static let exitStatuses =
        [(ExitCode.success, "Success.")] + Outcome.allCases.map { (ExitCode($0.rawValue), $0.meaning) }
        + [(ExitCode.validationFailure, "The command line is malformed.")]
}
