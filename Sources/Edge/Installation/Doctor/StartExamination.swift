/// Other files that a server needs at its start.
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
                if tracing.endpoint != nil {
                    _ = try settings.client(trusting: tracing.authorities, of: .otlpAuthorities)
                }
            },
        ].compactMap(\.self)
    }

    /// - Returns: `nil` if `read` succeeds.
    private func refusal(_ check: String, _ read: () throws -> Void) -> Finding? {
        do { try read() } catch {
            return .problem(check, "\(error)", do: "correct it: a server with this does not start")
        }
        return nil
    }
}
