public import Bytes

/// Gets a workload's secret for this guest, with retries while the network is not up yet.
public struct Unlock: Sendable {
    public var workload: String
    public var address: BrokerAddress
    public var device = DeviceSettings()
    /// 2,048 or 4,096.
    public var rsaBits = 2_048
    /// The time for all tries together.
    public var timeout: Duration = .seconds(60)
    /// The longest wait for an answer of the broker; for that to evidence three times as long. Without retries it is the
    /// whole timeout.
    var callTimeout: Duration = .seconds(10)
    /// Most repeated tries; `nil`: until the timeout.
    public var retries: Int?
    /// The pause before the second try; it doubles up to ``longestPause``.
    public var firstPause: Duration = .milliseconds(500)
    public static let longestPause: Duration = .seconds(8)

    public init(workload: String, address: BrokerAddress) {
        (self.workload, self.address) = (workload, address)
    }

    /// - Parameter tell: called with a sentence for each try that failed and will be repeated.
    /// - Throws: ``GuestFailure``.
    public func secret(tell: @Sendable (String) -> Void = { _ in }) async throws -> Secret {
        try await secret(from: device.device(), tell: tell)
    }

    /// Gets the secret with a given device.
    func secret(from device: any EvidenceDevice, tell: @Sendable (String) -> Void) async throws -> Secret {
        guard !workload.isEmpty else { throw GuestFailure(.unusable, "--workload is empty.") }
        guard timeout > .zero else { throw GuestFailure(.unusable, "--timeout must be more than nothing.") }
        let deadline = ContinuousClock.now.advanced(by: timeout)
        let handshake = Handshake(
            workload: workload, exchange: try HTTPExchange(address), device: device,
            key: try GuestKeyPair(bits: rsaBits), deadline: deadline,
            callTimeout: retries == 0 ? timeout : callTimeout)
        var pause = firstPause
        var tries = 0
        while true {
            do {
                return try await handshake.run(after: tries)
            } catch let postponed as Handshake.Postponed {
                tries += 1
                let wait = max(pause, postponed.retryAfter ?? .zero)
                guard tries <= retries ?? .max, ContinuousClock.now.advanced(by: wait) < deadline else {
                    throw GuestFailure(
                        .unreachable, "\(postponed.reason) Given up after \(tries) \(tries == 1 ? "try" : "tries").")
                }
                tell(
                    "\(postponed.reason) Trying again in \(Self.text(wait)) secs."
                )
                try await Task.sleep(for: wait)
                pause = min(pause * 2, Self.longestPause)
            }
        }
    }

    /// Seconds with one decimal.
    private static func text(_ duration: Duration) -> String {
        let tenths = (duration.components.seconds * 10) + (duration.components.attoseconds / 100_000_000_000_000_000)
        return "\(tenths / 10).\(tenths % 10)"
    }

    /// Reads `90s`, `5m`, `1h`, or a number of seconds.
    public static func duration(_ text: String) throws -> Duration {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3_600]
        let unit = text.last.flatMap { units[$0] }
        let digits = unit == nil ? text[...] : text.dropLast()
        guard let number = UInt16(digits), number > 0 else {
            throw GuestFailure(.unusable, "--timeout must be like 60s or 5m, and at most 65535 of them.")
        }
        return .seconds(Int64(number) * (unit ?? 1))
    }
}
