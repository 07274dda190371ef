import Broker
import Bytes
import Evidence
import FoundationEssentials
import HTTP
import HTTPEdge
import VirteeDialect

/// A request's query, of which every name is known.
struct Query: Sendable {
    private let values: [ExactText: String]

    /// - Throws: a ``Refusal`` for a name that means nothing here, or that comes twice.
    init(_ request: Request, _ known: Set<ExactText>) throws(Refusal) {
        var values: [ExactText: String] = [:]
        for (name, value) in request.uri.queryParameters {
            guard known.contains(ExactText(name)) else {
                throw Refusal(.malformed, "There is no parameter \"\(name.prefix(40))\" here.")
            }
            guard values.updateValue(String(value), forKey: ExactText(name)) == nil else {
                throw Refusal(.malformed, "The parameter \(name) comes twice.")
            }
        }
        self.values = values
    }

    subscript(name: ExactText) -> String? { values[name] }

    func number(_ name: ExactText) throws(Refusal) -> Int64? {
        guard let text = values[name] else { return nil }
        guard let number = Int64(text), number >= 0 else {
            throw Refusal(.invalidField, "\(name) must be a whole number that is not negative.")
        }
        return number
    }

    /// How many a page may hold: 100, or from 1 to 1,000.
    func limit() throws(Refusal) -> Int {
        guard let text = values["limit"] else { return 100 }
        guard let limit = Int(text), (1...1_000).contains(limit) else {
            throw Refusal(.invalidField, "limit must be a number from 1 to 1000.")
        }
        return limit
    }

    func sessions() throws(Refusal) -> SessionSelection {
        var selection = SessionSelection()
        if let id = values["workload"] { selection.workload = try WorkloadID(id) }
        if let issuer = values["issuer"] {
            guard issuer.unicodeScalars.count <= 1_024 else {
                throw Refusal(.invalidField, "issuer must not be longer than 1024 characters.")
            }
            selection.issuer = issuer
        }
        if let chip = values["chip"] {
            guard let bytes = Hex.decode(chip), !bytes.isEmpty else {
                throw Refusal(.invalidField, "chip must be hex digits.")
            }
            selection.chip = Hex.encode(bytes)
        }
        return selection
    }
}

extension Request {
    /// What follows a collection's path, percent-decoded.
    func name(after collection: String) throws(Refusal) -> String {
        let name = try path(after: "/api/v1/\(collection)/")
        guard !name.isEmpty else { throw Refusal(.notFound, "There is nothing under that name.") }
        return name
    }

    /// Whether there may be one already: `If-None-Match: *` says not.
    func mayReplace() throws(Refusal) -> Bool {
        guard let text = headers[.ifNoneMatch] else { return true }
        guard text == "*" else { throw Refusal(.malformed, "If-None-Match can be * only.") }
        return false
    }

    /// What `If-Match` asks for.
    func expectation() throws(Refusal) -> Workload.Expectation? {
        switch try ifMatch({ Workload.Version($0) }) {
        // Absence is asked for by `mayReplace()`.
        case nil, .absent: nil
        case .any: .any
        case .tag(let version): .version(version)
        }
    }
}

extension Response {
    init(json value: some Encodable, status: HTTPResponse.Status = .ok) {
        self.init(
            status: status, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: .bytes(Replies.encode(value)))
    }
}

extension NewWorkload {
    init(_ message: WorkloadMessage, id: String) {
        self.init(
            id: id, measurement: message.launchMeasurement, configuration: message.teeConfig ?? "",
            secret: message.secret)
    }
}

extension RouterMethods {
    /// Answers 405 to every other method, with a problem document.
    func refuseOtherMethods(on path: RouterPath, than allowed: [HTTPRequest.Method]) {
        refuseOtherMethods(on: path, than: allowed) { sentence in
            Problem(.methodNotAllowed, code: "http_405", detail: sentence).response
        }
    }
}

/// What `If-Match` or `If-None-Match` asks for.
enum Precondition<Tag> {
    /// That there is one.
    case any
    /// That there is none.
    case absent
    case tag(Tag)
}

extension Request {
    /// - Parameter read: an ETag without its quotation marks.
    func precondition<Tag>(_ read: (String) -> Tag?) throws(Refusal) -> Precondition<Tag>? {
        guard try mayReplace() else {
            guard headers[.ifMatch] == nil else {
                throw Refusal(.preconditionFailed, "If-Match and If-None-Match cannot both hold.")
            }
            return .absent
        }
        return try ifMatch(read)
    }

    /// What `If-Match` alone asks for.
    private func ifMatch<Tag>(_ read: (String) -> Tag?) throws(Refusal) -> Precondition<Tag>? {
        guard let text = headers[.ifMatch] else { return nil }
        guard text != "*" else { return .any }
        // Some clients forget the quotation marks.
        guard let tag = read(String(text.drop { $0 == "\"" }.reversed().drop { $0 == "\"" }.reversed())) else {
            // It cannot be the version of anything.
            throw Refusal(.preconditionFailed, "If-Match is not an ETag that this server gave.")
        }
        return .tag(tag)
    }
}
