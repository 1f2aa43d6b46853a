using System.Text;
using OrleansGateway.Grains.Contracts.Catalog;
using Xunit;

namespace OrleansGateway.Tests.Unit.Catalog;

public sealed class CatalogFileErrorTests
{
    private const string Version = "models[0].prices[0]";

    /// <summary>What is replaced, by what, the path of the one error, the text that stands on its line.</summary>
    public static TheoryData<string, string, string, string> Bad => new()
    {
        // Names and references
        { "\"country\": \"US\"", "\"contry\": \"US\"", "providers[0].contry", "contry" },
        { "\"country\": \"US\"", "\"country\": \"usa\"", "providers[0].country", "usa" },
        { "\"provider\": \"acme\"", "\"provider\": \"other\"", "channels[0].provider", "\"other\"" },
        { "{ \"small\": \"acme-small-2026\" }", "{ \"large\": \"x\" }", "channels[0].models.large", "\"large\"" },
        { "{ \"small\": \"acme-small-2026\" }", "[\"small\", \"small\"]", "channels[0].models[1]", "\"small\", \"small\"" },
        { "{ \"small\": \"acme-small-2026\" }", "[]", "channels[0].models", "\"models\": []" },
        { "\"aliases\": [\"tiny\"]", "\"aliases\": [\"small\"]", "models[0].aliases[0]", "\"aliases\"" },
        { "\"id\": \"small\"", "\"id\": \"small\", \"id\": \"small\"", "models[0].id", "\"id\": \"small\"" },
        { "\"aliases\": [\"tiny\"]", "\"aliases\": [\"ti ny\"]", "models[0].aliases[0]", "ti ny" },
        // Addresses
        { "https://api.acme.example/v1", "http://api.acme.example/v1", "providers[0].base_url", "http://api" },
        { "https://api.acme.example/v1", "https://user@api.acme.example/v1", "providers[0].base_url", "user@" },
        { "https://api.acme.example/v1", "https://api.acme.example/v1?key=1", "providers[0].base_url", "?key" },
        { "https://api.acme.example/v1", "https://api.acme.example/v1#", "providers[0].base_url", "v1#" },
        { "https://api.acme.example/v1", "ftp://api.acme.example/v1", "providers[0].base_url", "ftp:" },
        { "https://api.acme.example/v1", "/v1", "providers[0].base_url", "\"/v1\"" },
        { "\"base_url\": ", "\"base_url_env\": \"ACME_URL\", \"base_url\": ", "providers[0].base_url", "ACME_URL" },
        { "\"base_url\": \"https://api.acme.example/v1\",", "", "providers[0]", "{\n      \"name\": \"acme\"" },
        // Kinds
        { "\"kind\": \"openai\"", "\"kind\": \"soap\"", "providers[0].kind", "soap" },
        { "\"kind\": \"openai\"", "\"kind\": \"Gemini\"", "providers[0].kind", "Gemini" },
        // Types and ranges
        { "\"priority\": 1", "\"priority\": \"1\"", "channels[0].priority", "\"priority\"" },
        { "\"priority\": 1", "\"priority\": 1.5", "channels[0].priority", "\"priority\"" },
        { "\"weight\": 2", "\"weight\": 0", "channels[0].weight", "\"weight\"" },
        { "\"enabled\": true", "\"enabled\": 1", "channels[0].enabled", "\"enabled\"" },
        { "\"connect_ms\": 1000", "\"connect_ms\": 0", "channels[0].times.connect_ms", "\"times\"" },
        { "\"connect_ms\": 1000", "\"conect_ms\": 1000", "channels[0].times.conect_ms", "\"times\"" },
        { "\"times\": { \"connect_ms\": 1000 }", "\"times\": 1000", "channels[0].times", "\"times\"" },
        { "{ \"drain\": { \"max_ms\": 30000, \"max_tokens\": 2000 } }", "\"ignore\"", "channels[0].on_client_gone", "\"ignore\"" },
        { "\"max_ms\": 30000, ", "", "channels[0].on_client_gone.drain.max_ms", "\"drain\"" },
        { "\"weight\": 2", "\"max_tokens_field\": \"both\"", "channels[0].max_tokens_field", "\"both\"" },
        { "\"weight\": 2", "\"drop_params\": [\"seed\", \"max_tokens\"]", "channels[0].drop_params[1]", "\"max_tokens\"" },
        { "\"context_window\": 100000", "\"context_window\": -1", "models[0].context_window", "\"context_window\": -1" },
        { "\"max_output_tokens\": 8000,", "", "models[0].max_output_tokens", "{\n      \"id\": \"small\"" },
        { "\"created\": \"2026-01-02\"", "\"created\": \"02.01.2026\"", "models[0].created", "02.01.2026" },
        { "[\"text\", \"image\"]", "[\"text\", \"smell\"]", "models[0].modalities.input[1]", "smell" },
        { "\"image_tokens\": 1500", "\"image_tokens\": []", "models[0].bounds.image_tokens", "\"image_tokens\"" },
        { "\"owned_by\": \"acme\"", "\"owned_by\": \" \"", "models[0].owned_by", "\"owned_by\"" },
        { "\"image_tokens\": 1500", "\"image_squares\": { \"tokens\": 1 }", "models[0].bounds.image_squares.side", "\"image_squares\"" },
        { "\"image_tokens\": 1500", "\"image_squares\": { \"side\": 32 }", "models[0].bounds.image_squares.tokens", "\"image_squares\"" },
        { "\"image_tokens\": 1500", "\"searches\": 0", "models[0].bounds.searches", "\"searches\"" },
        { "\"country\": \"US\"", "\"unknown_fields\": \"drop\"", "providers[0].unknown_fields", "unknown_fields" },
        { "\"weight\": 2", "\"unpriced\": \"pass\"", "channels[0].unpriced", "unpriced" },
        { "\"per_call\": 0.001", "\"service_tiers\": []", Version + ".service_tiers", "service_tiers" },
        { "\"per_call\": 0.001", "\"service_tiers\": { \"auto\": 1 }", Version + ".service_tiers.auto", "service_tiers" },
        { "\"per_call\": 0.001", "\"service_tiers\": { \"night\": 1 }", Version + ".service_tiers.night", "service_tiers" },
        { "\"per_call\": 0.001", "\"service_tiers\": { \"a#b\": 1 }", Version + ".service_tiers.a#b", "service_tiers" },
        { "\"per_call\": 0.001", "\"service_tiers\": { \"flex\": -1 }", Version + ".service_tiers.flex", "service_tiers" },
        { "\"per_call\": 0.001", "\"service_tiers\": { \"flex\": { \"tiers\": [] } }", Version + ".service_tiers.flex.per_million", "service_tiers" },
        // Environment variables
        { "\"key_env\": \"ACME_KEY\",", "", "channels[0].key_env", "{\n      \"name\": \"acme-1\"" },
        { "\"ACME_KEY\"", "\"sk-a-key-itself\"", "channels[0].key_env", "sk-a-key-itself" },
        // Prices
        { "\"input\": 1.5", "\"input\": -1.5", Version + ".per_million.input", "-1.5" },
        { "\"input\": 1.5", "\"input\": 1.5e0", Version + ".per_million.input", "1.5e0" },
        { "\"input\": 1.5", "\"input\": 0.0000000001", Version + ".per_million.input", "0.0000000001" },
        { "\"input\": 1.5", "\"input\": 99999999999", Version + ".per_million.input", "99999999999" },
        { "\"cached_input\": \"0.15\"", "\"cached_input\": \"0,15\"", Version + ".per_million.cached_input", "0,15" },
        { "\"cached_input\": \"0.15\"", "\"cache_input\": \"0.15\"", Version + ".per_million.cache_input", "cache_input" },
        { ", \"output\": 6", "", Version + ".per_million.output", "\"per_million\"" },
        { "\"per_million\": { \"input\": 1.5, \"cached_input\": \"0.15\", \"output\": 6 },", "", Version + ".per_million", "{\n          \"from\"" },
        { "\"from\": \"2026-01-01T00:00:00Z\"", "\"from\": \"2026-01-01\"", Version + ".from", "\"2026-01-01\"" },
        { "\"from\": \"2026-01-01T00:00:00Z\"", "\"from\": \"2026-01-01T00:00:00\"", Version + ".from", "T00:00:00\"" },
        { "\"per_call\": 0.001", "\"per_call\": true", Version + ".per_call", "\"per_call\"" },
        { "\"source_date\": \"2026-01-01\"", "\"source_date\": 2026", Version + ".source_date", "2026," },
        { "\"per_call\": 0.001", "\"id\": \"small#1\"", Version + ".id", "small#1" },
        { "\"above_input_tokens\": 50000", "\"above_input_tokens\": 0", Version + ".tiers[0].above_input_tokens", "\"above_input_tokens\"" },
        {
            "{ \"above_input_tokens\": 50000,",
            "{ \"above_input_tokens\": 60000, \"per_million\": { \"input\": 1, \"output\": 1 } },\n{ \"above_input_tokens\": 50000,",
            Version + ".tiers[1].above_input_tokens",
            "\"above_input_tokens\": 50000"
        },
        // Windows
        { "\"multiplier\": 0.5", "\"multiplier\": 0.00000001", Version + ".windows[0].multiplier", "0.00000001" },
        { ", \"multiplier\": 0.5", "", Version + ".windows[0]", "\"night\"" },
        { "\"multiplier\": 0.5", "\"multiplier\": 0.5, \"per_call\": 1", Version + ".windows[0].per_call", "\"night\"" },
        { "\"multiplier\": 0.5", "\"multiplier\": 0.5, \"per_image\": 1", Version + ".windows[0].per_image", "\"night\"" },
        // Units beyond tokens
        { "\"per_call\": 0.001", "\"per_second\": -0.001", Version + ".per_second", "\"per_second\"" },
        { "\"per_call\": 0.001", "\"per_search\": 0.0000000001", Version + ".per_search", "\"per_search\"" },
        { "\"per_call\": 0.001", "\"per_image\": 9224", Version + ".per_image", "\"per_image\"" },
        { "\"per_call\": 0.001", "\"per_character\": 0.001", Version + ".per_character", "\"per_character\"" },
        { "\"output\": 6 }", "\"output\": 6, \"images\": 1 }", Version + ".per_million.images", "\"images\"" },
        { "\"output\": 9 }", "\"output\": 9, \"characters\": 1 }", Version + ".tiers[0].per_million.characters", "\"characters\"" },
        { "\"output\": 9 }", "\"output\": 9 }, \"per_image\": 1", Version + ".tiers[0].per_image", "\"per_image\"" },
        { "\"multiplier\": 0.5", "\"per_million\": { \"input\": 1, \"output\": 1 }", Version + ".windows[0]", "\"night\"" },
        { "\"to\": \"06:00\"", "\"to\": \"6:00\"", Version + ".windows[0].to", "6:00" },
        { "\"from\": \"22:00\"", "\"from\": \"24:00\"", Version + ".windows[0].from", "24:00" },
        { "\"to\": \"06:00\"", "\"to\": \"22:00\"", Version + ".windows[0].to", "\"to\": \"22:00\"" },
        { "\"to\": \"06:00\"", "\"to\": \"06:00\", \"days\": [\"caturday\"]", Version + ".windows[0].days[0]", "caturday" },
        { "\"to\": \"06:00\"", "\"to\": \"06:00\", \"days\": []", Version + ".windows[0].days", "\"days\": []" },
        {
            "\"multiplier\": 0.5 },",
            "\"multiplier\": 0.5 },\n{ \"name\": \"dawn\", \"from\": \"05:59\", \"to\": \"07:00\", \"multiplier\": 2 },",
            Version + ".windows[1]",
            "\"dawn\""
        },
        {
            "\"multiplier\": 0.5 },",
            "\"multiplier\": 0.5 },\n{ \"name\": \"night\", \"from\": \"06:00\", \"to\": \"07:00\", \"multiplier\": 2 },",
            Version + ".windows[1].name",
            "\"06:00\", \"to\": \"07:00\""
        },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public void Parse_OneThingWrong_TellsItsLineAndField(string find, string replacement, string path, string at)
    {
        var text = CatalogText.With(find, replacement);
        var result = CatalogText.Parse(text);

        Assert.Null(result.Snapshot);
        var error = Assert.Single(result.Errors);
        Assert.Equal(path, error.Path);
        Assert.Equal(CatalogText.LineOf(text, at), error.Line);
        Assert.StartsWith($"line {error.Line}, {path}: ", error.ToString());
        Assert.DoesNotContain("sk-a-key-itself", error.Message);
    }

    [Theory]
    [InlineData("", 1)]
    [InlineData("\n\n{ \"models\": ", 3)]
    [InlineData("{\n} {", 2)]
    [InlineData("{\n\"a\" 1 }", 2)]
    [InlineData("{\n\n\"a\": \"\\ud800\" }", 3)]
    [InlineData("// nothing\n", 2)]
    public void Parse_NoJson_TellsItsLine(string text, int line)
    {
        var result = CatalogText.Parse(text);

        Assert.Null(result.Snapshot);
        var error = Assert.Single(result.Errors);
        Assert.Equal(line, error.Line);
        Assert.StartsWith("This is not JSON: ", error.Message);
        Assert.DoesNotContain("BytePosition", error.Message);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("7")]
    [InlineData("{}")]
    [InlineData("{ \"models\": [] }")]
    [InlineData("{ \"models\": {} }")]
    [InlineData("{ \"models\": [null] }")]
    [InlineData("{ \"models\": [[]], \"channels\": [1], \"providers\": \"x\" }")]
    public void Parse_NoModel_IsRefused(string text)
    {
        var result = CatalogText.Parse(text);

        Assert.Null(result.Snapshot);
        Assert.NotEmpty(result.Errors);
    }

    [Fact]
    public void Parse_SeveralThingsWrong_TellsAllInTheFilesOrder()
    {
        var text = CatalogText.Valid
            .Replace("\"kind\": \"openai\"", "\"kind\": \"soap\"", StringComparison.Ordinal)
            .Replace("\"weight\": 2", "\"wieght\": 2", StringComparison.Ordinal)
            .Replace("\"input\": 1.5", "\"input\": -1", StringComparison.Ordinal)
            .Replace("\"to\": \"06:00\"", "\"to\": \"26:00\"", StringComparison.Ordinal);

        Assert.Equal(
            ["providers[0].kind", "channels[0].wieght", Version + ".per_million.input", Version + ".windows[0].to"],
            CatalogText.Parse(text).Errors.Select(error => error.Path));
    }

    [Theory]
    [InlineData("providers", "The provider 'acme' is there twice.")]
    [InlineData("channels", "The channel 'acme-1' is there twice.")]
    public void Parse_SameNameTwice_IsRefused(string list, string message)
    {
        var first = list == "providers"
            ? "{ \"name\": \"acme\", \"kind\": \"openai\", \"base_url\": \"https://b.example\" },"
            : "{ \"name\": \"acme-1\", \"provider\": \"acme\", \"key_env\": null, \"models\": [\"small\"] },";
        var result = CatalogText.Parse(CatalogText.With($"\"{list}\": [", $"\"{list}\": [{first}"));

        var error = Assert.Single(result.Errors);
        Assert.Equal((list + "[1].name", message), (error.Path, error.Message));
    }

    [Fact]
    public void Parse_VersionsOutOfOrderOrWithOneId_AreRefused()
    {
        const string Other = """{ "id": "small@2", "from": "2025-12-31T00:00:00Z", "per_million": { "input": 1, "output": 1 } },""";
        const string Again = """{ "id": "small@2", "from": "2026-12-31T00:00:00Z", "per_million": { "input": 1, "output": 1 } },""";
        var result = CatalogText.Parse(CatalogText.With("\"2026-01-01\",\n        },\n      ],", $"\"2026-01-01\",\n        }},\n{Other}\n{Again}],"));

        Assert.Equal(["models[0].prices[1].from", "models[0].prices[2].id"], result.Errors.Select(error => error.Path));
    }

    [Fact]
    public void Parse_WindowThatLacksWhatTheVersionSells_IsRefused()
    {
        var text = CatalogText.With("\"per_call\": 0.001,", "\"per_call\": 0.001, \"per_image\": 0.04, \"per_search\": 0.01,")
            .Replace("\"multiplier\": 0.5", "\"per_million\": { \"input\": 1, \"output\": 1 }, \"tiers\": [], \"per_search\": 0", StringComparison.Ordinal);

        var error = Assert.Single(CatalogText.Parse(text).Errors);
        Assert.Equal(Version + ".windows[0]", error.Path);
        Assert.Contains("a price for images:", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_KeyThatNoHeaderCanCarry_IsRefusedWithoutShowingIt()
    {
        var result = CatalogText.Parse(CatalogText.Valid, environment: _ => "secret\nsecret");

        Assert.Equal("channels[0].key_env", Assert.Single(result.Errors).Path);
        Assert.DoesNotContain("secret", result.Errors[0].Message);
    }

    [Fact]
    public void Parse_DeeplyNested_IsRefused()
    {
        var error = Assert.Single(CatalogText.Parse(new string('[', 100_000)).Errors);

        Assert.StartsWith("This is not JSON: ", error.Message);
    }

    [Fact]
    public void Parse_ByteOrderMark_IsSkipped() =>
        Assert.NotNull(CatalogFile.Parse(
            (byte[])[.. Encoding.UTF8.Preamble, .. Encoding.UTF8.GetBytes(CatalogText.Valid)], _ => "key", CatalogText.Now).Snapshot);
}
