/// What else a server reads when it starts, and does not start without.
struct StartExamination: Examination {
    let settings: Settings

    func findings() -> [Finding] {
        let (tokens, tracing) = (settings.guestComponents, settings.tracing)
        return [
            refusal("token") {
                try tokens.checkTrusted()
                _ = try tokens.identity()
            },
            refusal("policy.opa") { _ = try settings.openPolicyAgent() },
            refusal("tracing") {
                if tracing.endpoint != nil { _ = try tracing.client(through: settings.outgoingProxies) }
            },
        ].compactMap(\.self)
    }

    /// - Returns: `nil` when it can be read.
    private func refusal(_ check: String, _ read: () throws -> Void) -> Finding? {
        do { try read() } catch {
            return .problem(check, "\(error)", do: "correct it: a server with this does not start")
        }
        return nil
    }
}
