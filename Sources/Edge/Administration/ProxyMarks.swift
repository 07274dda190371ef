import HTTP
package import HTTPEdge

extension Request {
    /// Whether header fields show that a proxy forwarded the request. Some proxies add none.
    package var cameThroughProxy: Bool { headers.contains { Self.proxyMarks.contains($0.name.canonicalName) } }

    private static var proxyMarks: Set<String> {
        [
            "forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip",
            "x-client-ip", "cf-connecting-ip",
        ]
    }
}
