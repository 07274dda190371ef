import Bytes
import Crypto
import Evidence
import FoundationEssentials
import SimulatedHardware

/// Two boots and three attacks, printed as they happen.
struct Demonstration {
    let snp: SimulatedSNPPlatform
    let sev: SimulatedSEVPlatform
    let transport: GuestTransport

    private static let tcb = TCBVersion(bootLoader: 4, tee: 0, snp: 22, microcode: 213)

    /// - Returns: whether every step had the expected outcome.
    func run() async throws -> Bool {
        let secret = "correct horse battery staple"
        let guest = try await registerSNP("demo/snp", secret: secret)
        let neighbour = try await registerSNP("demo/neighbour", secret: "not for you")
        var isWell = try await bootSNP(guest, expecting: secret)
        isWell = try await bootSEV(expecting: secret) && isWell

        title("Three attacks")
        isWell = try await attackWithWrongMeasurement(guest) && isWell
        isWell = try await attackWithReplay(guest) && isWell
        isWell = try await attackWithOthersKey(guest, neighbour) && isWell
        print()
        print(
            isWell
                ? Terminal.paint("All went as it must: each guest got its own secret, and nobody else did.", .green)
                : Terminal.paint("SOMETHING IS WRONG with this server: see above.", .red))
        return isWell
    }

    // MARK: Boots

    private func registerSNP(_ id: String, secret: String) async throws -> SimulatedSNPGuest {
        title("Register \(id)")
        let measurement = Array(SHA384.hash(data: Data("the image of \(id)".utf8)))
        try await transport.register(
            id, measurement: Hex.encode(measurement),
            configuration: #"{"flags":{"bits":3},"minfw":{"major":0,"minor":0}}"#, secret: secret)
        say("measurement \(short(measurement)), SMT allowed, no debugging; the secret has \(secret.utf8.count) bytes")
        return try SimulatedSNPGuest(
            workload: id, on: snp, measurement: measurement, tcb: Self.tcb, signer: try snp.vcek(tcb: Self.tcb))
    }

    private func bootSNP(_ guest: SimulatedSNPGuest, expecting secret: String) async throws -> Bool {
        title("Boot an SEV-SNP guest: \(guest.workload)")
        say("makes an RSA-2048 key in its encrypted memory: \(guest.modulus.prefix(12))…")
        let challenge = try await guest.challenge(over: transport)
        say("asks to be challenged, and gets the nonce \(challenge.nonce)")
        say("has its chip sign a report over SHA-512(nonce, key), the measurement and the policy")
        try await guest.attest(challenge, over: transport)
        say("sends the report: the broker believes it")
        return tell(try await guest.fetchKey(cookie: challenge.cookie, over: transport), secret)
    }

    private func bootSEV(expecting secret: String) async throws -> Bool {
        let id = "demo/sev"
        title("Register \(id)")
        let digest = Array(SHA256.hash(data: Data("the image of \(id)".utf8)))
        try await transport.register(
            id, measurement: Hex.encode(digest),
            configuration: #"{"flags":{"bits":7},"minfw":{"major":0,"minor":0}}"#, secret: secret)
        say("launch digest \(short(digest)), SEV-ES required, no debugging, no key sharing")

        title("Boot an SEV-ES guest: \(id)")
        let guest = SimulatedSEVGuest(workload: id, on: sev, digest: digest)
        let launched = try await guest.start(over: transport)
        say("its host sends the platform's certificates; the broker opens a channel to the chip")
        let measurement = try await guest.attest(launched, over: transport)
        say("the chip measures the guest, keyed: \(short(measurement)); the broker believes it")
        let key = try await guest.fetchKey(nil, launched, measurement: measurement, over: transport)
        return tell(key, secret)
    }

    private func tell(_ key: [UInt8], _ secret: String) -> Bool {
        let isRight = key == Array(secret.utf8)
        say(
            isRight
                ? Terminal.paint("decrypts its secret: \"\(secret)\"", .green)
                : Terminal.paint("got another secret than was registered", .red))
        return isRight
    }

    // MARK: Attacks

    private func attackWithWrongMeasurement(_ guest: SimulatedSNPGuest) async throws -> Bool {
        say(Terminal.paint("A changed image, on the same genuine chip:", .bold))
        var changed = guest
        changed.template.measurement = Array(SHA384.hash(data: Data("an image with a back door".utf8)))
        let challenge = try await changed.challenge(over: transport)
        return refused(
            try await transport.send(
                .post, "/attest", try changed.evidence(for: challenge.nonce), cookie: challenge.cookie))
    }

    private func attackWithReplay(_ guest: SimulatedSNPGuest) async throws -> Bool {
        say(Terminal.paint("A recorded answer, sent again:", .bold))
        let challenge = try await guest.challenge(over: transport)
        let evidence = try guest.evidence(for: challenge.nonce)
        _ = try await transport.send(.post, "/attest", evidence, cookie: challenge.cookie)
        return refused(try await transport.send(.post, "/attest", evidence, cookie: challenge.cookie))
    }

    private func attackWithOthersKey(_ guest: SimulatedSNPGuest, _ neighbour: SimulatedSNPGuest) async throws -> Bool {
        say(Terminal.paint("A genuine guest that asks for its neighbour's key:", .bold))
        let challenge = try await guest.challenge(over: transport)
        try await guest.attest(challenge, over: transport)
        let others = try await transport.send(.get, "/key/\(neighbour.workload)", cookie: challenge.cookie)
        let nobodys = try await transport.send(.get, "/key/no/such/key", cookie: challenge.cookie)
        guard others.status == nobodys.status, others.body == nobodys.body else {
            say(Terminal.paint("the answer tells that the key exists", .red))
            return false
        }
        return refused(others)
    }

    private func refused(_ reply: GuestTransport.Reply) -> Bool {
        let isRefused = reply.status >= 400
        say(
            isRefused
                ? "\(Terminal.paint("refused", .green)) (\(reply.status)): \(reply.text)"
                : Terminal.paint("NOT REFUSED (\(reply.status))", .red))
        return isRefused
    }

    // MARK: Printing

    private func title(_ text: String) {
        print()
        print(Terminal.paint(text, .bold))
    }

    private func say(_ text: String) { print("  \(text)") }

    private func short(_ bytes: [UInt8]) -> String { Hex.encode(bytes.prefix(6)) + "…" }
}
