using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Grains.Contracts.Pricing;
using OrleansGateway.Web.Components;

namespace OrleansGateway.Web.Playground;

/// <summary>What a person asks for in the playground, as it was typed.</summary>
internal sealed record PlaygroundRequest
{
    public const int PromptLengthMax = 8_000;
    public const int SystemLengthMax = 4_000;
    public const int MaxTokensDefault = 1_024;
    private const double TemperatureMax = 2;

    public string Model { get; init; } = "";
    public string SystemPrompt { get; init; } = "";
    public string Prompt { get; init; } = "";
    public string Temperature { get; init; } = "";
    public string MaxTokens { get; init; } = "";

    /// <summary>Those that read and write text and can be called now.</summary>
    public static IReadOnlyList<ShownModel> Models(CatalogSnapshot catalog, DateTimeOffset now) =>
    [
        .. ShownModel.Of(catalog, now).Where(static model => model.IsServed
            && model.Model.Input.HasFlag(Modalities.Text)
            && model.Model.Output.HasFlag(Modalities.Text)
            && model.Price!.Base[Unit.Output] > 0),
    ];

    public static PlaygroundRequest Of(IFormCollection form) => new()
    {
        Model = form[nameof(Model)].ToString(),
        SystemPrompt = form[nameof(SystemPrompt)].ToString(),
        Prompt = form[nameof(Prompt)].ToString(),
        Temperature = form[nameof(Temperature)].ToString(),
        MaxTokens = form[nameof(MaxTokens)].ToString(),
    };

    /// <summary>What is wrong, by field.</summary>
    public IEnumerable<(string Field, string Problem)> Problems(IReadOnlyList<ShownModel> models)
    {
        var model = models.FirstOrDefault(one => one.Model.Id == Model);
        if (model is null)
        {
            yield return (nameof(Model), Texts.PlaygroundModelWrong);
        }

        if (string.IsNullOrWhiteSpace(Prompt) || Prompt.Length > PromptLengthMax)
        {
            yield return (nameof(Prompt), Format.Fill(Texts.PlaygroundTextWrong, Format.Count(PromptLengthMax)));
        }

        if (SystemPrompt.Length > SystemLengthMax)
        {
            yield return (nameof(SystemPrompt), Format.Fill(Texts.PlaygroundTextWrong, Format.Count(SystemLengthMax)));
        }

        if (Temperature.Length > 0 && ReadTemperature() is null)
        {
            yield return (nameof(Temperature), Texts.PlaygroundTemperatureWrong);
        }

        if (MaxTokens.Length > 0 && !(ReadMaxTokens() is { } tokens && (model is null || tokens <= model.Model.MaxOutputTokens)))
        {
            yield return (nameof(MaxTokens), Format.Fill(Texts.PlaygroundMaxTokensWrong, Format.Count(model?.Model.MaxOutputTokens ?? MaxTokensDefault)));
        }
    }

    /// <summary>The request's body, OpenAI's chat.</summary>
    public string Body()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("model", Model);
            json.WriteBoolean("stream", true);
            json.WriteStartObject("stream_options");
            json.WriteBoolean("include_usage", true);
            json.WriteEndObject();
            if (ReadTemperature() is { } temperature)
            {
                json.WriteNumber("temperature", temperature);
            }

            json.WriteNumber("max_completion_tokens", ReadMaxTokens() ?? MaxTokensDefault);
            json.WriteStartArray("messages");
            if (!string.IsNullOrWhiteSpace(SystemPrompt))
            {
                WriteMessage("system", SystemPrompt);
            }

            WriteMessage("user", Prompt);
            json.WriteEndArray();
            json.WriteEndObject();

            void WriteMessage(string role, string text)
            {
                json.WriteStartObject();
                json.WriteString("role", role);
                json.WriteString("content", text);
                json.WriteEndObject();
            }
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private double? ReadTemperature() =>
        double.TryParse(Temperature, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var read) && read is >= 0 and <= TemperatureMax ? read : null;

    private long? ReadMaxTokens() =>
        long.TryParse(MaxTokens, NumberStyles.None, CultureInfo.InvariantCulture, out var read) && read > 0 ? read : null;
}
