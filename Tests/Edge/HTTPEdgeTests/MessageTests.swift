import Broker
import Bytes
import Formats
import Foundation
import HTTP
import HTTPEdge
import Testing

@Suite("Messages")
struct MessageTests {
    private enum Colour: String, Codable, CaseIterable { case red, green }

    private struct Inner: Codable { let itsName: String }

    private struct Wish: RequestMessage {
        let firstName: String
        let howMany: Int?
        let colour: Colour?
        let when: Date?
        let parts: [Inner]?
        let labels: [String: Double]?
        let isSure: Bool?

        static let members: [String: Schema] = ["how_many": Schema(["type": "integer", "minimum": 1])]
        static let rules: JSONValue = ["minProperties": 1]
    }

    private func read(_ body: String) async throws -> Wish {
        var request = Request(head: HTTPRequest(method: .post, path: "/"), body: .collected(Array(body.utf8)))
        request.longestBody = 1_000
        return try await request.message()
    }

    @Test("A message is read by its declaration, in snake case")
    func reading() async throws {
        let wish = try await read(
            #"{"first_name":"a","how_many":2,"colour":"green","when":"2027-01-31T00:00:00Z","parts":[{"its_name":"x"}],"#
                + #""labels":{"camelCase":1.5},"is_sure":null}"#)
        #expect(wish.firstName == "a" && wish.howMany == 2 && wish.colour == .green && wish.isSure == nil)
        #expect(wish.when == Date(timeIntervalSince1970: 1_801_353_600))
        #expect(wish.parts?.map(\.itsName) == ["x"] && wish.labels == ["camelCase": 1.5], "names of a dictionary stay")
    }

    @Test(
        "What cannot be used is refused with the field's name and what may stand there, and nothing of it is repeated",
        arguments: [
            ("{}", "The field first_name is missing."),
            (#"{"firstName":"s3cret"}"#, "The field first_name is missing."),
            (
                #"{"first_name":1}"#,
                "The field first_name has a value of the wrong type: a number where a text may stand."
            ),
            (
                #"{"first_name":"a","colour":"blue"}"#,
                "The field colour has a value that cannot be used: \"blue\" where one of red, green may stand."
            ),
            (
                #"{"first_name":"a","how_many":1.5}"#,
                "The field how_many has a value that cannot be used: 1.5 where a whole number of "
                    + "\(Int.min) to \(Int.max) may stand."
            ),
            (
                #"{"first_name":"a","hwo_many":"s3cret"}"#,
                "The field hwo_many is not known here: there are first_name, how_many, colour, when, parts, labels, "
                    + "is_sure."
            ),
            (
                #"{"first_name":"a","parts":[{"its_name":"x"},{"its_name":"y","its_nose":"s3cret"}]}"#,
                "The field parts.1.its_nose is not known here: there are its_name."
            ),
            ("[]", "The body is not a JSON object."),
        ])
    func refusing(_ body: String, _ sentence: String) async throws {
        let refusal = await #expect(throws: Refusal.self) { try await read(body) }
        #expect(refusal?.code == .malformed && refusal?.sentence == sentence)
        #expect(refusal?.sentence.contains("s3cret") == false)
    }

    @Test("A reply may say more than its reader knows")
    func replies() throws {
        let json = try JSON(Array(#"{"its_name":"x","new":[{}]}"#.utf8))
        let inner: Inner = try json.message(passingOverUnknown: true)
        #expect(inner.itsName == "x")
        #expect(throws: MalformedInput.self) { try json.message(Inner.self) }
    }

    @Test("A message's schema has its members, what is said of them, and no others")
    func schema() throws {
        let call = Call(
            .post, "wish", label: "wish", form: PlainText(),
            operation: Operation("wish", "Wish", body: .json(Schema(of: Wish.self)), replies: [])
        ) { _ in Response(status: .ok) }
        let document = APIDescription(title: "t", detail: "d", names: [:], failure: Schema([:])).document([call])
        let wish = try #require(document["components"]?["schemas"]?["Wish"])
        #expect(wish["required"] == ["first_name"] && wish["additionalProperties"] == false)
        #expect(wish["minProperties"] == 1)
        #expect(wish["properties"]?["how_many"] == ["type": "integer", "minimum": 1])
        #expect(wish["properties"]?["colour"] == ["type": "string", "enum": ["red", "green"]])
        #expect(wish["properties"]?["when"] == ["type": "string", "format": "date-time"])
        #expect(wish["properties"]?["parts"]?["type"] == "array")
    }
}
