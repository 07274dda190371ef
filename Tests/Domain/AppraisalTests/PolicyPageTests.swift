import Appraisal
import Evidence
import Foundation
import Testing

@Suite("docs/policies.md")
struct PolicyPageTests {
    private let page: String

    init() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        page = try String(contentsOf: root.appending(path: "docs/policies.md"), encoding: .utf8)
    }

    @Test("Every policy on the page can be used, and every key is on it")
    func policies() throws {
        let policies = page.matches(of: /```toml\n((?s).*?)```/).map { String($0.output.1) }
            .filter { !$0.hasPrefix("kind") }
        #expect(policies.count == 5)
        for text in policies { _ = try Policy(toml: text, name: PolicyName("web")) }
        let refusal = #expect(throws: Refusal.self) { try Policy(toml: "x = 1", name: PolicyName("web")) }
        let keys = try #require(refusal?.sentence.split(separator: "What there is: ").last)
        for key in keys.dropLast().split(separator: ", ") {
            #expect(page.contains("`\(key)`") || page.contains("`[\(key)]`"), "\(key)")
        }
    }

    @Test("The table of each technology is the one that its vocabulary makes", arguments: Vocabulary.all.map(\.tee))
    func tables(of tee: GuestTEE) {
        let table = Vocabulary.of(tee).table
        #expect(page.contains(table), "docs/policies.md must have, under [\(tee.rawValue)]:\n\(table)")
    }

    @Test("Every technology has a vocabulary", arguments: GuestTEE.allCases)
    func vocabularies(of tee: GuestTEE) { #expect(Vocabulary.of(tee).tee == tee) }
}
