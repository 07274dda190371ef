import CCurl
import Concurrency
import Glibc
import HTTP

/// One transfer: its libcurl handle and options, and the received part of the response.
///
/// The caller makes it. From then on it is confined to ``TransferThread``, except for `waiting`.
final class Transfer: @unchecked Sendable {
    let destination: Destination
    let proxy: Proxy?
    let timeout: Duration
    let limit: Int
    let trustAdvice: String

    private let method: String
    private let lines: [String]
    private let authorities: [UInt8]?
    private let verifiesServer: Bool

    /// libcurl's handle and the memory that it points to, while the transfer runs.
    private(set) var easy: UnsafeMutableRawPointer?
    private var list: UnsafeMutablePointer<curl_slist>?
    private var body: UnsafeMutableRawBufferPointer?
    private var roots: UnsafeMutableRawBufferPointer?
    private let errorBuffer = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))

    private var received: [UInt8] = []
    private var headBytes = 0
    /// The limit that the response exceeded.
    private(set) var excess: Excess?

    enum Excess { case head, body }

    private static let longestHead = 64 * 1_024

    private let waiting = Lock(Waiting.notYet)

    /// The caller's continuation, which is resumed once.
    private enum Waiting {
        case notYet
        case caller(CheckedContinuation<HTTPClientResponse, any Error>)
        case resumed
        /// The transfer ended before the caller waited.
        case ended(Result<HTTPClientResponse, any Error>)
    }

    /// - Throws: ``HTTPClientError`` when the request cannot be sent.
    init(
        _ request: HTTPClientRequest, _ configuration: HTTP1Client.Configuration, timeout: Duration, limit: Int
    ) throws(HTTPClientError) {
        destination = try Destination(request.url, request.path)
        proxy = try configuration.proxies.proxy(for: destination)
        self.timeout = timeout
        self.limit = limit
        method = request.method.rawValue
        lines = try HeaderLine.all(of: request)
        authorities = configuration.authorities
        verifiesServer = configuration.verifiesServer
        trustAdvice = configuration.trustAdvice
        errorBuffer.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        body = request.body.map(Self.copy)
    }

    deinit {
        release()
        Self.wipe(&body)
        errorBuffer.deallocate()
    }

    // MARK: The caller

    /// - Returns: false when the transfer has ended, and the caller is resumed.
    func wait(with continuation: CheckedContinuation<HTTPClientResponse, any Error>) -> Bool {
        let ended = waiting.withLock { waiting -> Result<HTTPClientResponse, any Error>? in
            guard case .ended(let result) = waiting else {
                waiting = .caller(continuation)
                return nil
            }
            waiting = .resumed
            return result
        }
        guard let ended else { return true }
        continuation.resume(with: ended)
        return false
    }

    /// Resumes the caller, the first time.
    func finish(_ result: Result<HTTPClientResponse, any Error>) {
        let caller = waiting.withLock { waiting -> CheckedContinuation<HTTPClientResponse, any Error>? in
            switch waiting {
            case .notYet:
                waiting = .ended(result)
                return nil
            case .caller(let continuation):
                waiting = .resumed
                return continuation
            case .resumed, .ended: return nil
            }
        }
        caller?.resume(with: result)
    }

    /// Whether the caller waits.
    var isAwaited: Bool {
        waiting.withLock { waiting in
            if case .caller = waiting { true } else { false }
        }
    }

    // MARK: libcurl

    /// Makes the handle.
    ///
    /// - Returns: nil when there is no memory.
    func prepare() -> UnsafeMutableRawPointer? {
        guard let easy = curl_easy_init() else { return nil }
        self.easy = easy
        guard configure(easy) else {
            release()
            return nil
        }
        return easy
    }

    private func configure(_ easy: UnsafeMutableRawPointer) -> Bool {
        var options = Options(easy)
        options.set(CURLOPT_URL, destination.url)
        options.set(CURLOPT_PROTOCOLS_STR, "http,https")
        options.set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https")
        options.set(CURLOPT_FOLLOWLOCATION, 0)
        options.set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        options.set(CURLOPT_HTTP09_ALLOWED, 0)
        options.set(CURLOPT_PATH_AS_IS, 1)
        options.set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
        options.set(CURLOPT_NETRC, Int(CURL_NETRC_IGNORED.rawValue))
        options.set(CURLOPT_NOSIGNAL, 1)
        // Otherwise a silent name server holds up the thread past the deadline.
        options.set(CURLOPT_QUICK_EXIT, 1)
        options.set(CURLOPT_TIMEOUT_MS, timeout.milliseconds)
        // The server may be closing a connection that has been idle for longer.
        options.set(CURLOPT_MAXAGE_CONN, 50)
        options.set(CURLOPT_ERRORBUFFER, UnsafeRawPointer(errorBuffer))
        if let socket = destination.socket { options.set(CURLOPT_UNIX_SOCKET_PATH, socket) }
        setProxy(&options)
        setRequest(&options)
        setTrust(&options)
        let target = UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque())
        options.set(CURLOPT_WRITEDATA, target)
        options.set(CURLOPT_HEADERDATA, target)
        options.set(CURLOPT_PRIVATE, target)
        options.set(CURLOPT_WRITEFUNCTION) { bytes, size, count, target in
            Transfer.at(target)?.take(bytes, size * count) ?? 0
        }
        options.set(CURLOPT_HEADERFUNCTION) { _, size, count, target in
            Transfer.at(target)?.takeHead(size * count) ?? 0
        }
        return options.areAllSet
    }

    private func setProxy(_ options: inout Options) {
        // Empty: no proxy, and the environment is not read.
        options.set(CURLOPT_PROXY, proxy?.url ?? "")
        options.set(CURLOPT_NOPROXY, "")
        guard let proxy else { return }
        // The server's fields, such as Authorization, are not sent to the proxy.
        options.set(CURLOPT_HEADEROPT, Int(CURLHEADER_SEPARATE))
        options.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        guard let user = proxy.user, let password = proxy.password else { return }
        options.set(CURLOPT_PROXYAUTH, 1)  // CURLAUTH_BASIC
        options.set(CURLOPT_PROXYUSERNAME, user)
        options.set(CURLOPT_PROXYPASSWORD, password)
    }

    private func setRequest(_ options: inout Options) {
        switch (method, body) {
        case ("HEAD", _): options.set(CURLOPT_NOBODY, 1)
        case ("GET", nil): options.set(CURLOPT_HTTPGET, 1)
        case (_, nil) where method != "POST" && method != "PUT" && method != "PATCH":
            options.set(CURLOPT_CUSTOMREQUEST, method)
        default:
            options.set(CURLOPT_POST, 1)
            options.setLarge(CURLOPT_POSTFIELDSIZE_LARGE, body?.count ?? 0)
            options.set(
                CURLOPT_POSTFIELDS, body?.baseAddress.map { UnsafeRawPointer($0) } ?? UnsafeRawPointer(errorBuffer))
            options.set(CURLOPT_CUSTOMREQUEST, method)
        }
        for line in lines { options.append(line, to: &list) }
        options.set(CURLOPT_HTTPHEADER, list.map { UnsafeRawPointer($0) })
    }

    private func setTrust(_ options: inout Options) {
        guard destination.scheme == .https || proxy?.url.hasPrefix("https") == true else { return }
        options.set(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
        options.set(CURLOPT_SSL_VERIFYPEER, verifiesServer ? 1 : 0)
        options.set(CURLOPT_SSL_VERIFYHOST, verifiesServer ? 2 : 0)
        // The folder of the system's authorities would be trusted beside `authorities`. Their file suffices without.
        options.set(CURLOPT_CAPATH, nil as UnsafeRawPointer?)
        options.set(CURLOPT_PROXY_CAPATH, nil as UnsafeRawPointer?)
        options.set(CURLOPT_CA_CACHE_TIMEOUT, 600)
        // For `certificateNames`.
        options.set(CURLOPT_CERTINFO, 1)
        if let authorities {
            let roots = Self.copy(authorities)
            self.roots = roots
            options.setBlob(CURLOPT_CAINFO_BLOB, roots)
        }
    }

    /// Frees libcurl's handle and wipes its memory. The transfer must have been removed from the multi handle.
    func release() {
        if let easy { curl_easy_cleanup(easy) }
        easy = nil
        var entry = list
        while let line = entry {
            if let text = line.pointee.data { explicit_bzero(text, strlen(text)) }
            entry = line.pointee.next
        }
        curl_slist_free_all(list)
        list = nil
        Self.wipe(&roots)
    }

    private static func copy(_ bytes: some Collection<UInt8>) -> UnsafeMutableRawBufferPointer {
        // libcurl takes no null pointer.
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 1)
        copy.copyBytes(from: bytes)
        return UnsafeMutableRawBufferPointer(rebasing: copy[..<bytes.count])
    }

    private static func wipe(_ bytes: inout UnsafeMutableRawBufferPointer?) {
        if let start = bytes?.baseAddress, let count = bytes?.count { explicit_bzero(start, count) }
        bytes?.baseAddress?.deallocate()
        bytes = nil
    }

    // MARK: The response

    private static func at(_ target: UnsafeMutableRawPointer?) -> Transfer? {
        target.map { Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
    }

    /// - Returns: less than `count` to end the transfer.
    private func take(_ bytes: UnsafeMutablePointer<CChar>?, _ count: Int) -> Int {
        guard received.count + count <= limit else {
            excess = .body
            return 0
        }
        received += UnsafeRawBufferPointer(start: bytes, count: count)
        return count
    }

    private func takeHead(_ count: Int) -> Int {
        headBytes += count
        guard headBytes <= Self.longestHead else {
            excess = .head
            return 0
        }
        return count
    }

    /// The response of a completed transfer.
    func response() -> HTTPClientResponse {
        var headers = HTTPFields()
        if let easy {
            var header: UnsafeMutablePointer<curl_header>?
            // Without the fields of a proxy's response, and without trailers.
            while let next = curl_easy_nextheader(easy, UInt32(CURLH_HEADER), -1, header) {
                header = next
                guard let name = next.pointee.name.flatMap({ HTTPField.Name(String(cString: $0)) }),
                    let value = next.pointee.value.map({ String(cString: $0) })
                else { continue }
                headers.append(HTTPField(name: name, value: value))
            }
        }
        return HTTPClientResponse(
            status: HTTPResponse.Status(code: number(CURLINFO_RESPONSE_CODE)), headers: headers, body: received)
    }

    var hasOwnAuthorities: Bool { authorities != nil }

    func number(_ info: CURLINFO) -> Int {
        var value = 0
        if let easy { _ = kbs_curl_get_long(easy, info, &value) }
        return value
    }

    /// Whether the transfer reached the step of this time.
    func has(_ time: CURLINFO) -> Bool {
        var value: curl_off_t = 0
        if let easy { _ = kbs_curl_get_large(easy, time, &value) }
        return value > 0
    }

    /// The alternative names of the server's certificate, without their kinds, printable and shortened.
    var certificateNames: [String] {
        var information: UnsafeMutablePointer<curl_certinfo>?
        guard let easy, kbs_curl_get_certinfo(easy, &information) == CURLE_OK, let found = information?.pointee,
            found.num_of_certs > 0
        else { return [] }
        let label = "X509v3 Subject Alternative Name:"
        var entry = found.certinfo?[0]
        while let line = entry?.pointee {
            entry = line.next
            guard let text = line.data.map({ String(cString: $0) }), text.hasPrefix(label) else { continue }
            return text.dropFirst(label.count).split(separator: ",").prefix(8).map { name in
                let value = name.split(separator: ":", maxSplits: 1).last ?? name
                return String(value.filter { $0.isASCII && !$0.isWhitespace && $0 > " " }.prefix(100))
            }
        }
        return []
    }

    /// libcurl's error text, for classification; never shown.
    var errorText: String { String(cString: errorBuffer) }
}

extension Duration {
    /// Rounded up, and at least 1: 0 would be no limit.
    fileprivate var milliseconds: Int {
        let (seconds, attoseconds) = components
        let whole = Int(clamping: seconds).multipliedReportingOverflow(by: 1_000)
        let total = whole.overflow ? Int(Int32.max) : whole.partialValue + Int(attoseconds / 1_000_000_000_000_000) + 1
        return min(max(total, 1), Int(Int32.max))
    }
}

/// Sets a handle's options. A missing option would change the request or the trusted authorities, so that failures are
/// remembered.
private struct Options {
    private let easy: UnsafeMutableRawPointer
    private(set) var areAllSet = true

    init(_ easy: UnsafeMutableRawPointer) { self.easy = easy }

    mutating func set(_ option: CURLoption, _ value: Int) { note(kbs_curl_set_long(easy, option, value)) }
    mutating func set(_ option: CURLoption, _ value: String) { note(kbs_curl_set_text(easy, option, value)) }
    mutating func set(_ option: CURLoption, _ value: UnsafeRawPointer?) {
        note(kbs_curl_set_pointer(easy, option, value))
    }
    mutating func set(_ option: CURLoption, _ sink: @escaping kbs_curl_sink) {
        note(kbs_curl_set_sink(easy, option, sink))
    }
    mutating func setLarge(_ option: CURLoption, _ value: Int) {
        note(kbs_curl_set_large(easy, option, curl_off_t(value)))
    }
    mutating func setBlob(_ option: CURLoption, _ bytes: UnsafeMutableRawBufferPointer) {
        note(kbs_curl_set_blob(easy, option, bytes.baseAddress, bytes.count))
    }

    mutating func append(_ line: String, to list: inout UnsafeMutablePointer<curl_slist>?) {
        guard let longer = curl_slist_append(list, line) else {
            areAllSet = false
            return
        }
        list = longer
    }

    private mutating func note(_ result: CURLcode) { if result != CURLE_OK { areAllSet = false } }
}
