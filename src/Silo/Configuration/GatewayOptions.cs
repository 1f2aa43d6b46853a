using Microsoft.Extensions.Options;
using OrleansGateway.Grains.Contracts.Keys;

namespace OrleansGateway.Silo.Configuration;

/// <summary>The configuration's section <c>Gateway</c>.</summary>
public sealed class GatewayOptions
{
    /// <summary>The configuration's section.</summary>
    public const string Section = "Gateway";

    /// <summary>Where clients reach the gateway: addresses with semicolons between them; port 0 takes a free one.</summary>
    public string Urls { get; set; } = "";

    /// <summary>Where the operator API listens, likewise. The command line calls the first one.</summary>
    public string OperatorUrls { get; set; } = "";

    /// <summary>The catalog file's path.</summary>
    public string Catalog { get; set; } = "";

    /// <summary>What customers' keys are signed with.</summary>
    public string SigningSecret { get; set; } = "";

    /// <summary>The bearer token of the operator API.</summary>
    public string OperatorToken { get; set; } = "";

    /// <summary>How long a stop waits for running requests, seconds.</summary>
    public int StopSeconds { get; set; }

    /// <summary>How long a start waits for a database that does not answer, seconds.</summary>
    public int StartSeconds { get; set; }

    /// <summary>The addresses of a setting.</summary>
    internal static IEnumerable<string> Split(string urls) =>
        urls.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>Checks <see cref="GatewayOptions"/>, all of them at once.</summary>
internal sealed class GatewayOptionsValidator : IValidateOptions<GatewayOptions>
{
    private const int OperatorTokenLengthMin = 16;

    public ValidateOptionsResult Validate(string? name, GatewayOptions options)
    {
        var problems = new List<string>();
        CheckUrls(problems, nameof(options.Urls), options.Urls);
        CheckUrls(problems, nameof(options.OperatorUrls), options.OperatorUrls);
        var shared = GatewayOptions.Split(options.Urls).Intersect(GatewayOptions.Split(options.OperatorUrls), StringComparer.OrdinalIgnoreCase)
            .FirstOrDefault(url => !url.EndsWith(":0", StringComparison.Ordinal));
        if (shared is not null)
        {
            problems.Add($"{Setting(nameof(options.OperatorUrls))} has {shared}, which is in {Setting(nameof(options.Urls))} too.");
        }

        if (options.Catalog.Length == 0)
        {
            problems.Add($"{Setting(nameof(options.Catalog))} is missing: the path of the catalog file.");
        }

        if (!SigningSecret.TryParse(options.SigningSecret, out _))
        {
            problems.Add($"{Setting(nameof(options.SigningSecret))} is missing or too short: at least {SigningSecret.MinBytes} random bytes, as base64 or hex.");
        }

        if (options.OperatorToken.Length < OperatorTokenLengthMin)
        {
            problems.Add($"{Setting(nameof(options.OperatorToken))} is missing or too short: at least {OperatorTokenLengthMin} characters.");
        }

        CheckRange(problems, nameof(options.StopSeconds), options.StopSeconds, 0, 3600);
        CheckRange(problems, nameof(options.StartSeconds), options.StartSeconds, 0, 3600);
        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }

    private static void CheckUrls(List<string> problems, string setting, string urls)
    {
        if (!GatewayOptions.Split(urls).Any())
        {
            problems.Add($"{Setting(setting)} is missing: an address such as http://127.0.0.1:8080.");
        }

        foreach (var url in GatewayOptions.Split(urls))
        {
            if (!Uri.TryCreate(url, UriKind.Absolute, out var parsed)
                || parsed.Scheme is not ("http" or "https") || parsed.PathAndQuery != "/" || parsed.UserInfo.Length > 0)
            {
                problems.Add($"{Setting(setting)} has '{url}', which is not an address such as http://127.0.0.1:8080.");
            }
        }
    }

    private static void CheckRange(List<string> problems, string setting, int value, int least, int most)
    {
        if (value < least || value > most)
        {
            problems.Add($"{Setting(setting)} is {value}; it must be from {least} to {most} seconds.");
        }
    }

    private static string Setting(string name) => SettingNames.Full($"{GatewayOptions.Section}:{name}");
}
