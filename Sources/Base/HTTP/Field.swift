/// A header field: a name and a value.
public struct HTTPField: Sendable, Hashable {
    public var name: Name
    public var value: String

    public init(name: Name, value: String) {
        self.name = name
        self.value = value
    }

    /// Whether a value can be written: without line ends and other control characters.
    public static func isValidValue(_ value: String) -> Bool {
        let bytes = value.utf8.span
        for index in bytes.indices where !bytes[index].isFieldCharacter { return false }
        return true
    }

    /// A field's name. Comparison ignores case.
    public struct Name: Sendable, Hashable, LosslessStringConvertible {
        /// As received, or as written.
        public let rawName: String

        /// - Returns: nil unless it is a token (RFC 9110, section 5.6.2).
        public init?(_ name: String) {
            guard !name.isEmpty, name.utf8.allSatisfy(\.isTokenCharacter) else { return nil }
            rawName = name
        }

        /// - Parameter token: a valid token.
        init(token: String) { rawName = token }

        /// - Parameter token: a valid token.
        init(token: ArraySlice<UInt8>) {
            let common: Self? =
                switch token.count {
                case 4: .host
                case 6: token.first == UInt8(ascii: "C") ? .cookie : .accept
                case 10: token.first == UInt8(ascii: "U") ? .userAgent : .connection
                case 12: .contentType
                case 13: .authorization
                case 14: .contentLength
                default: nil
                }
            // Most names are these constants, which saves making a string.
            if let common, token.isExactly(common.rawName) {
                self = common
            } else {
                rawName = String(decoding: token, as: UTF8.self)
            }
        }

        /// In lower case.
        public var canonicalName: String { String(decoding: rawName.utf8.map(\.lowercased), as: UTF8.self) }

        public var description: String { rawName }

        public static func == (one: Self, other: Self) -> Bool {
            let first = one.rawName.utf8.span
            let second = other.rawName.utf8.span
            guard first.count == second.count else { return false }
            for index in first.indices {
                let (one, other) = (first[index], second[index])
                guard one == other || one.lowercased == other.lowercased else { return false }
            }
            return true
        }

        public func hash(into hasher: inout Hasher) { for byte in rawName.utf8 { hasher.combine(byte.lowercased) } }
    }
}

extension HTTPField.Name {
    public static var accept: Self { Self(token: "Accept") }
    public static var allow: Self { Self(token: "Allow") }
    public static var authorization: Self { Self(token: "Authorization") }
    public static var cacheControl: Self { Self(token: "Cache-Control") }
    public static var connection: Self { Self(token: "Connection") }
    public static var contentLength: Self { Self(token: "Content-Length") }
    public static var contentType: Self { Self(token: "Content-Type") }
    public static var cookie: Self { Self(token: "Cookie") }
    public static var date: Self { Self(token: "Date") }
    public static var eTag: Self { Self(token: "ETag") }
    public static var expect: Self { Self(token: "Expect") }
    public static var host: Self { Self(token: "Host") }
    public static var ifMatch: Self { Self(token: "If-Match") }
    public static var ifNoneMatch: Self { Self(token: "If-None-Match") }
    public static var keepAlive: Self { Self(token: "Keep-Alive") }
    public static var location: Self { Self(token: "Location") }
    public static var retryAfter: Self { Self(token: "Retry-After") }
    public static var setCookie: Self { Self(token: "Set-Cookie") }
    public static var transferEncoding: Self { Self(token: "Transfer-Encoding") }
    public static var userAgent: Self { Self(token: "User-Agent") }
    public static var wwwAuthenticate: Self { Self(token: "WWW-Authenticate") }
    public static var xForwardedFor: Self { Self(token: "X-Forwarded-For") }
    public static var xRequestID: Self { Self(token: "X-Request-Id") }
}
