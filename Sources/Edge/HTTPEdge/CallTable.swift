import Bytes
public import HTTP

/// The routing table of a listener: calls by method and path.
///
/// Each path has exactly one spelling: an empty segment or a slash at the end makes another path, which does not exist.
/// So this server and a proxy before it read a path in the same way.
public struct CallTable: Sendable {
    /// The result of a look-up.
    public enum Match: Sendable {
        case call(Call, Parameters)
        /// The path has calls, but none with this method.
        case otherMethods([Call])
        /// The path has no call.
        ///
        /// - Parameter form: the form of the 404.
        case nothing(any FailureForm)
    }

    private struct Place: Sendable {
        let path: CallPath
        let calls: [Call]
    }

    private let literal: [ExactText: Place]
    /// Paths with names, by their literal first segment: the longest first, and those with `**` last.
    private let patterns: [ExactText: [Place]]
    private let elsewhere: [(prefix: String, form: any FailureForm)]
    private let usual: any FailureForm
    public let calls: [Call]

    /// - Parameters:
    ///   - calls: each method of a path once.
    ///   - elsewhere: the form of a 404, by the path's prefix.
    ///   - usual: the form of a 404 under all other prefixes.
    public init(
        _ calls: [Call], elsewhere: [(prefix: String, form: any FailureForm)] = [], otherwise usual: any FailureForm
    ) {
        self.calls = calls
        let places = Dictionary(grouping: calls, by: \.path).map { Place(path: $0, calls: $1) }
        literal = Dictionary(places.filter(\.path.isLiteral).map { (ExactText($0.path.description), $0) }) { $1 }
        patterns = Dictionary(grouping: places.filter { !$0.path.isLiteral }) { ExactText($0.path.firstSegment) }
            .mapValues { $0.sorted { Self.rank($0.path) > Self.rank($1.path) } }
        self.elsewhere = elsewhere
        self.usual = usual
    }

    private static func rank(_ path: CallPath) -> Int { (path.takesRest ? 0 : 1_000) + path.segments.count }

    /// - Parameter path: percent-encoded, without a query.
    public func match(_ method: HTTPRequest.Method, _ path: String) -> Match {
        guard let (place, parameters) = place(path) else {
            return .nothing(elsewhere.first { path.utf8.starts(with: $0.prefix.utf8) }?.form ?? usual)
        }
        // HEAD is answered like GET: the server leaves out the body.
        let wanted = method == .head ? .get : method
        guard let call = place.calls.first(where: { $0.method == wanted }) else { return .otherMethods(place.calls) }
        return .call(call, parameters)
    }

    private func place(_ path: String) -> (Place, Parameters)? {
        if let place = literal[ExactText(path)] { return (place, Parameters()) }
        let first = path.utf8.dropFirst().prefix { $0 != UInt8(ascii: "/") }
        for place in patterns[ExactText(Substring(first))] ?? [] {
            if let parameters = place.path.match(path) { return (place, parameters) }
        }
        return nil
    }
}

extension CallTable.Match {
    /// The request's label in metrics. Labels are a fixed list that callers cannot lengthen.
    public var label: String {
        switch self {
        case .call(let call, _): call.label
        case .otherMethods(let calls): calls.first?.label ?? Self.unknown
        case .nothing: Self.unknown
        }
    }

    /// The label of requests without a call.
    public static let unknown = "other"

    /// The path's pattern, with names in place of a request's values; nil without a call.
    public var path: CallPath? {
        switch self {
        case .call(let call, _): call.path
        case .otherMethods(let calls): calls.first?.path
        case .nothing: nil
        }
    }

    /// The form of failures.
    public func form() -> any FailureForm {
        switch self {
        case .call(let call, _): call.form
        case .otherMethods(let calls): calls.first?.form ?? PlainText()
        case .nothing(let form): form
        }
    }

    /// - Throws: ``HTTPError`` if there is no call.
    public func call(_ method: HTTPRequest.Method) throws(HTTPError) -> (Call, Parameters) {
        switch self {
        case .call(let call, let parameters): return (call, parameters)
        case .nothing: throw HTTPError(.notFound)
        case .otherMethods(let calls):
            let methods = calls.map(\.method)
            throw HTTPError(
                .methodNotAllowed,
                headers: [
                    .allow: methods.flatMap { $0 == .get ? [.get, .head] : [$0] }.map(\.rawValue)
                        .joined(separator: ", ")
                ],
                message: "This path takes \(methods.map(\.rawValue).joined(separator: ", ")) and not "
                    + "\(method.rawValue.prefix(16)).")
        }
    }
}
