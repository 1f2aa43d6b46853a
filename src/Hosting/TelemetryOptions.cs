using Microsoft.Extensions.Options;

namespace OrleansGateway.Hosting;

/// <summary>The configuration's section <c>Telemetry</c>.</summary>
public sealed class TelemetryOptions
{
    /// <summary>The configuration's section.</summary>
    public const string Section = "Telemetry";

    /// <summary>Where metrics are sent over OTLP (gRPC, such as http://127.0.0.1:4317); empty sends none.</summary>
    public string OtlpEndpoint { get; set; } = "";

    /// <summary>Between two exports, seconds.</summary>
    public int ExportSeconds { get; set; } = 15;
}

/// <summary>Checks <see cref="TelemetryOptions"/>.</summary>
internal sealed class TelemetryOptionsValidator : IValidateOptions<TelemetryOptions>
{
    public ValidateOptionsResult Validate(string? name, TelemetryOptions options)
    {
        var problems = new SettingProblems(TelemetryOptions.Section);
        if (options.OtlpEndpoint.Length > 0
            && (!Uri.TryCreate(options.OtlpEndpoint, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https")))
        {
            problems.Add(nameof(options.OtlpEndpoint), $"is '{options.OtlpEndpoint}', which is not an address such as http://127.0.0.1:4317.");
        }

        problems.CheckRange(nameof(options.ExportSeconds), options.ExportSeconds, 1, 3600, "seconds");
        return problems.ToResult();
    }
}
