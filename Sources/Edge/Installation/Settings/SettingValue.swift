import Bytes
import Evidence
package import FoundationEssentials
import HTTP

/// A setting's text and its parsers. Each throws ``InvalidSetting`` with the expected form.
package struct SettingValue: Sendable {
    let name: String
    let text: String

    func invalid(_ wanted: String) -> InvalidSetting {
        InvalidSetting("\(name) is \"\(text)\" and should be: \(wanted)")
    }

    func nonEmpty(_ wanted: String = "a path") throws -> String {
        guard !text.isEmpty else { throw invalid(wanted) }
        return text
    }

    /// A path; `nil` for an empty text.
    func file() -> URL? { text.isEmpty ? nil : URL(filePath: text) }

    func bool() throws -> Bool {
        guard let bool = Bool(text.lowercased()) else { throw invalid("true or false") }
        return bool
    }

    func number(_ range: ClosedRange<Int>) throws -> Int {
        guard let number = Int(text), range.contains(number) else {
            throw invalid("a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// `90`, `90s`, `5m`, `3h`, `1d`, in seconds.
    func duration(upTo most: TimeInterval = 31_536_000) throws -> TimeInterval {
        guard let duration = Self.duration(text), duration <= most else {
            throw invalid("a time such as 90s, 5m, 3h or 1d, above zero and at most \(Int(most)) seconds")
        }
        return duration
    }

    /// The duration in seconds; `nil` if it is malformed.
    package static func duration(_ text: String) -> TimeInterval? {
        let units: [Character: Double] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
        let (digits, unit) = text.last.flatMap { units[$0] }.map { (text.dropLast(), $0) } ?? (text[...], 1)
        guard let number = UInt32(digits), number > 0 else { return nil }
        return Double(number) * unit
    }

    /// `nil` for an empty text.
    func tcb(_ product: Product) throws -> TCBVersion? {
        guard !text.isEmpty else { return nil }
        guard let version = TCBVersion(text, product: product) else {
            throw invalid(
                product == .turin ? "five numbers, FMC first, e.g. 01.01.01.04.77" : "four numbers, e.g. 03.00.20.209")
        }
        return version
    }

    /// An address, a Unix socket's path, or one of each.
    func listeners() throws -> (address: Settings.Address?, socket: String?) {
        var (address, socket): (Settings.Address?, String?) = (nil, nil)
        for entry in list() {
            let value = SettingValue(name: name, text: entry)
            if entry.hasPrefix("unix:"), socket == nil {
                socket = try value.socketPath()
            } else if !entry.hasPrefix("unix:"), address == nil {
                address = try value.address()
            } else {
                throw invalid("one address and port, one unix:PATH, or one of each with a comma between")
            }
        }
        guard address != nil || socket != nil else {
            throw invalid("an address and a port, e.g. 127.0.0.1:8080 or [::1]:8080")
        }
        return (address, socket)
    }

    private func socketPath() throws -> String {
        let path = String(text.dropFirst("unix:".count))
        guard path.hasPrefix("/") else {
            throw invalid("a Unix socket with its whole path, e.g. unix:/run/kbs/kbs.sock")
        }
        return path
    }

    func address() throws -> Settings.Address {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            throw invalid("an address and a port, e.g. 127.0.0.1:8080 or [::1]:8080")
        }
        let host = text[..<colon]
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        guard !host.isEmpty, isBracketed || !host.contains(":") else {
            throw invalid("an address and a port; an IPv6 address stands in brackets")
        }
        return Settings.Address(host: String(isBracketed ? host.dropFirst().dropLast() : host), port: Int(port))
    }

    /// A URL without a user name or password, because settings are shown to administrators.
    func url(example: String, allowsQuery: Bool = false) throws -> String {
        guard let url = URL(string: text), let scheme = url.scheme, ["https", "http"].contains(scheme),
            url.host() != nil, allowsQuery || url.query() == nil, url.user() == nil
        else { throw invalid("a URL such as \(example), or nothing") }
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }

    /// The location of a JWKS: a file, or a URL whose answer nobody on the way can change.
    func keySetLocation() throws -> String {
        guard text.hasPrefix("http") else { return text }
        let text = try url(example: "https://id.example.org/keys", allowsQuery: true)
        guard text.hasPrefix("https:") || IPAddress.isThisMachine(URL(string: text)?.host() ?? "")
        else { throw invalid("an https URL: whoever can change these keys can sign tokens") }
        return text
    }

    func networks() throws -> NetworkList {
        do { return try NetworkList(text) } catch { throw InvalidSetting("\(name): \(error)") }
    }

    /// A list of some of the known names, in any case.
    func names(of known: [String]) throws -> [ExactText] {
        let names = list().map { ExactText($0.lowercased()) }
        guard !names.isEmpty, names.allSatisfy(known.map { ExactText($0) }.contains) else {
            throw invalid("a list of some of \(known.joined(separator: ", "))")
        }
        return names
    }

    /// The parts of `a, b`.
    func list() -> [String] {
        text.split(separator: ",").map(\.trimmed).filter { !$0.isEmpty }
    }
}
