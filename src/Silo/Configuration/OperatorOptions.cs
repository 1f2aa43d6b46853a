using Microsoft.Extensions.Options;
using OrleansGateway.Hosting;

namespace OrleansGateway.Silo.Configuration;

/// <summary>What whoever runs accounts is told beside <see cref="GatewayOptions"/>, in the same section <c>Gateway</c>.</summary>
internal sealed class OperatorOptions
{
    /// <summary>Where the operator API listens: addresses with semicolons between them. The command line calls the first that answers.</summary>
    public string OperatorUrls { get; set; } = "";

    /// <summary>The bearer token of the operator API.</summary>
    public string OperatorToken { get; set; } = "";

    /// <summary>The path of the catalog file.</summary>
    public string Catalog { get; set; } = "";

    /// <summary>How long a start waits for a database that does not answer, seconds.</summary>
    public int StartSeconds { get; set; }

    /// <summary>The clients' addresses, which must be others.</summary>
    public string Urls { get; set; } = "";
}

/// <summary>Checks <see cref="OperatorOptions"/>, all of them at once.</summary>
internal sealed class OperatorOptionsValidator : IValidateOptions<OperatorOptions>
{
    private const int TokenLengthMin = 16;

    public ValidateOptionsResult Validate(string? name, OperatorOptions options)
    {
        var problems = new SettingProblems(GatewayOptions.Section);
        problems.CheckUrls(nameof(options.OperatorUrls), options.OperatorUrls);
        var shared = SettingProblems.SplitUrls(options.Urls).Intersect(SettingProblems.SplitUrls(options.OperatorUrls), StringComparer.OrdinalIgnoreCase)
            .FirstOrDefault(url => !url.EndsWith(":0", StringComparison.Ordinal));
        if (shared is not null)
        {
            problems.Add(nameof(options.OperatorUrls), $"has {shared}, which is in {problems.Name(nameof(options.Urls))} too.");
        }

        if (options.Catalog.Length == 0)
        {
            problems.Add(nameof(options.Catalog), "is missing: the path of the catalog file.");
        }

        if (options.OperatorToken.Length < TokenLengthMin)
        {
            problems.Add(nameof(options.OperatorToken), $"is missing or too short: at least {TokenLengthMin} characters.");
        }

        problems.CheckRange(nameof(options.StartSeconds), options.StartSeconds, 0, 3600, "seconds");
        return problems.ToResult();
    }
}
