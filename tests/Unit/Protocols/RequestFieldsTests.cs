using System.Globalization;
using System.Text;
using OrleansGateway.Protocols.Anthropic;
using OrleansGateway.Protocols.Exchange;
using OrleansGateway.Protocols.Gemini;
using OrleansGateway.Protocols.OpenAI;
using OrleansGateway.Protocols.OpenAI.Endpoints;
using OrleansGateway.Protocols.OpenAI.Responses;
using OrleansGateway.Tests.Unit.Architecture;
using OrleansGateway.Tests.Unit.Catalog;
using Xunit;

namespace OrleansGateway.Tests.Unit.Protocols;

public sealed class RequestFieldsTests
{
    /// <summary>The tables: what they are of, where each stands, and it.</summary>
    public static TheoryData<string, string, RequestFields> Tables =>
        new()
        {
            { "OpenAI, Chat Completions", "src/Protocols/OpenAI/ChatFields.cs", ChatFields.Table },
            { "OpenAI, Responses", "src/Protocols/OpenAI/Responses/ResponsesFields.cs", ResponsesFields.Table },
            { "Anthropic, Messages", "src/Protocols/Anthropic/MessagesFields.cs", MessagesFields.Table },
            { "Gemini, generateContent", "src/Protocols/Gemini/GeminiFields.cs", GeminiFields.Table },
            { "OpenAI, Embeddings", "src/Protocols/OpenAI/Endpoints/EmbeddingsRequest.cs", EmbeddingsRequest.Table },
            { "OpenAI, Moderations", "src/Protocols/OpenAI/Endpoints/ModerationsRequest.cs", ModerationsRequest.Table },
            { "Rerank", "src/Protocols/OpenAI/Endpoints/RerankRequest.cs", RerankRequest.Table },
            { "OpenAI, Completions", "src/Protocols/OpenAI/Endpoints/CompletionRequest.cs", CompletionRequest.Table },
            { "OpenAI, Speech", "src/Protocols/OpenAI/Endpoints/SpeechRequest.cs", SpeechRequest.Table },
            { "OpenAI, Transcriptions and Translations", "src/Protocols/OpenAI/Endpoints/TranscriptionRequest.cs", TranscriptionRequest.Table },
            { "OpenAI, Images", "src/Protocols/OpenAI/Endpoints/ImagesRequest.cs", ImagesRequest.Table },
        };

    [Theory]
    [MemberData(nameof(Tables), DisableDiscoveryEnumeration = true)]
    public void All_EachField_IsThereOnce(string title, string file, RequestFields table)
    {
        Assert.True(File.Exists(Path.Combine(SourceTree.Shipped, "..", file)), title);
        Assert.Equal(table.All.Length, table.All.Select(field => field.Name).Distinct().Count());
    }

    /// <summary>What the scan reads as a bound or a price is said so in the table: a request with every field has none that is unknown.</summary>
    [Fact]
    public void TryRead_EveryFieldOfChat_IsKnown()
    {
        var members = ChatFields.Table.All.Where(field => field.Name is not ("model" or "messages" or "max_tokens")).Select(field => $"\"{field.Name}\":null");
        var body = $$"""{"model":"m","messages":[{"role":"user","content":"x"}],{{string.Join(',', members)}}}""";
        Assert.True(ChatRequest.TryRead(Encoding.UTF8.GetBytes(body), 8, out var request, out var error), error.Message);
        Assert.Empty(request.UnknownFields);
        Assert.Empty(request.PricedFields);
    }

    [Fact]
    public void TryRead_EveryFieldOfGemini_IsKnown()
    {
        var members = GeminiFields.Table.All.Where(field => field.Name != "contents").Select(field => $"\"{field.Name}\":null");
        var body = $$"""{"contents":[{"parts":[{"text":"x"}]}],{{string.Join(',', members)}}}""";
        Assert.True(GeminiRequest.TryRead(Encoding.UTF8.GetBytes(body), "m", GeminiMethod.Generate, false, out var request, out var error), error.Message);
        Assert.Empty(request.UnknownFields);
        Assert.Empty(request.PricedFields);
    }

    /// <summary>Fields that bound or buy, and that a channel may leave out all the same: the request costs less then, is refused, or never had a price.</summary>
    private static readonly string[] MayBeLeftOut =
    [
        "n", "best_of", "functions", "audio", "prediction", "text", "instructions", "instruction", "system", "systemInstruction", "previous_response_id", "suffix", "prompt", "query",
        "documents", "file", "known_speaker_references", "voice", "stream_format", "response_format", "output_format", "partial_images", "images", "image", "mask", "markup",
        "negative_prompt", "inference_geo", "container", "mcp_servers", "fallbacks", "context_management",
    ];

    /// <summary>Names of Gemini's that its table spells otherwise, and those of its other methods.</summary>
    private static readonly string[] OtherNames = ["generation_config", "content", "requests", "generateContentRequest"];

    [Fact]
    public void DropParams_WhatTheCostRelies_OnCannotBeLeftOut()
    {
        var relied = Tables.SelectMany(row => row.Data.Item3.All).Where(field => field.Handling is FieldHandling.Bounds or FieldHandling.Priced)
            .Select(field => field.Name).Except(MayBeLeftOut).Concat(OtherNames).Distinct().Order(StringComparer.Ordinal);
        var known = Tables.SelectMany(row => row.Data.Item3.All).Select(field => field.Name).Concat(OtherNames).Distinct().Order(StringComparer.Ordinal);
        Assert.Equal(relied, known.Where(IsRefused));

        static bool IsRefused(string name) =>
            CatalogText.Parse(CatalogText.With("\"weight\": 2", $"\"drop_params\": [\"{name}\"]")).Errors.Length > 0;
    }

    /// <summary><c>FIELDS_DOC=write</c> writes it anew.</summary>
    [Fact]
    public void Document_OfFields_IsMadeOfTheTables() => MadeDocument.AssertIs("fields.md", Document(), "FIELDS_DOC");

    private static string Document()
    {
        var text = new StringBuilder(
            """
            # Request fields and what they cost

            Every field that changes the price of a request has a price and a bound, or is refused. The tables are made of those in the code.

            - **bounds**: it limits what the request can cost, and goes on as it is but for what the channel wants otherwise.
            - **priced**: it buys what has a price of its own. Where the model has none, the channel's `unpriced` decides: `refuse` answers with a 400
              that names the field, `drop` leaves it out.
            - **passed on**: it goes on as it is; what it changes in the price shows in the tokens that the provider reports.
            - **refused**: a 400 names it.

            Every other field is passed on to providers that take unknown fields (`unknown_fields` in [catalog.md](catalog.md)) and counted by name in
            `og.edge.unknown_fields`; for all other providers it is refused with a 400 that names it. Tools that the client runs are input;
            every other kind is a tool of the provider.

            """.ReplaceLineEndings("\n"));
        foreach (var row in Tables)
        {
            var (title, file, table) = row.Data;
            text.Append(CultureInfo.InvariantCulture, $"\n## {title}\n\nTable: `{file}`.\n\n| field | | what the cost has to do with it |\n| --- | --- | --- |\n");
            foreach (var field in table.All)
            {
                var handling = field.Handling switch
                {
                    FieldHandling.Bounds => "bounds",
                    FieldHandling.Priced => "priced",
                    FieldHandling.Refused => "refused",
                    _ => "passed on",
                };
                text.Append(CultureInfo.InvariantCulture, $"| `{field.Name}` | {handling} | {field.Says} |\n");
            }
        }

        return text.ToString();
    }
}
