using System.Collections;
using System.ComponentModel;
using System.Reflection;
using Microsoft.Extensions.Options;

namespace OrleansGateway.Hosting;

/// <summary>Reads a section's settings; one that is no value of its kind is named, and what it may be.</summary>
internal static class SettingValues
{
    /// <summary>Adds options of a section, read and checked at start.</summary>
    public static void AddSettings<T>(this IServiceCollection services, IConfigurationSection section)
        where T : class => services.AddOptions<T>().Configure(options => Fill(section, options)).ValidateOnStart();

    /// <summary>The options of a section before, or without, a host.</summary>
    /// <exception cref="OptionsValidationException">A setting is no value of its kind.</exception>
    public static T Read<T>(IConfigurationSection section)
        where T : class, new()
    {
        var options = new T();
        Fill(section, options);
        return options;
    }

    private static void Fill<T>(IConfigurationSection section, T options)
        where T : class
    {
        var problems = new SettingProblems(section.Path);
        foreach (var property in typeof(T).GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            if (section[property.Name] is not { } value)
            {
                continue;
            }

            if (property.PropertyType != typeof(string) && property.PropertyType.IsAssignableTo(typeof(IEnumerable)))
            {
                // It may be a list of secrets, so it is not repeated.
                if (value.Length > 0)
                {
                    problems.Add(property.Name, $"is one value; it must be a list: {property.Name}:0 and so on.");
                }
            }
            else if (Expected(property.PropertyType, value) is { } expected)
            {
                problems.Add(property.Name, $"is '{value}'; it must be {expected}.");
            }
        }

        if (problems.ToResult() is { Failed: true } wrong)
        {
            throw new OptionsValidationException(Options.DefaultName, typeof(T), wrong.Failures);
        }

        section.Bind(options);
    }

    /// <summary>What a setting must be if its value is none of that; else null.</summary>
    private static string? Expected(Type type, string value)
    {
        var kind = Nullable.GetUnderlyingType(type) ?? type;
        if (kind == typeof(string) || (value.Length == 0 && kind != type))
        {
            return null;
        }

        try
        {
            var read = TypeDescriptor.GetConverter(kind).ConvertFromInvariantString(value);
            if (!kind.IsEnum || Enum.IsDefined(kind, read!))
            {
                return null;
            }
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or NotSupportedException)
        {
        }

        return kind.IsEnum ? string.Join(" or ", Enum.GetNames(kind).Select(static name => name.ToLowerInvariant()))
            : kind == typeof(bool) ? "true or false"
            : $"a whole number, at most {(kind == typeof(int) ? int.MaxValue : long.MaxValue)}";
    }
}
