using System.Linq.Expressions;
using System.Reflection;
using Orleans.Concurrency;

namespace Orleans.Embedded;

/// <summary>How to call one method of a grain interface.</summary>
internal sealed class GrainMethod
{
    private static readonly Dictionary<Type, Dictionary<MethodInfo, GrainMethod>> Known = [];

    private readonly Func<Grain, object?[], Task> _invoke;
    private readonly Func<GrainMethod, object?[], Call> _newCall;
    private readonly Func<Task, object>? _toValueTask;
    private readonly int _tokenIndex;

    private GrainMethod(MethodInfo method)
    {
        Interleaves = method.IsDefined(typeof(AlwaysInterleaveAttribute));
        _tokenIndex = Array.FindIndex(method.GetParameters(), p => p.ParameterType == typeof(CancellationToken));
        var returns = method.ReturnType;
        var result = returns.IsGenericType ? returns.GetGenericArguments()[0] : null;
        var isValueTask = returns == typeof(ValueTask) || (result is not null && returns == typeof(ValueTask<>).MakeGenericType(result));
        var isTask = returns == typeof(Task) || (result is not null && returns == typeof(Task<>).MakeGenericType(result));
        if (method.IsGenericMethodDefinition || !(isTask || isValueTask))
        {
            throw new NotSupportedException(
                $"{method.DeclaringType}.{method.Name}: a grain's method is not generic and returns Task or ValueTask, with or without a value.");
        }

        _invoke = CompileInvoke(method, isValueTask);
        _newCall = CompileNewCall(result);
        _toValueTask = isValueTask ? CompileToValueTask(returns, result) : null;
    }

    /// <summary>Whether the method is marked <see cref="AlwaysInterleaveAttribute"/>.</summary>
    public bool Interleaves { get; }

    /// <summary>Every method of an interface and those it inherits; compiled once for the process, whatever engines it runs.</summary>
    public static Dictionary<MethodInfo, GrainMethod> Of(Type grainInterface)
    {
        lock (Known)
        {
            if (!Known.TryGetValue(grainInterface, out var methods))
            {
                methods = grainInterface.GetInterfaces().Prepend(grainInterface)
                    .SelectMany(type => type.GetMethods(BindingFlags.Instance | BindingFlags.Public))
                    .ToDictionary(method => method, method => new GrainMethod(method));
                Known.Add(grainInterface, methods);
            }

            return methods;
        }
    }

    public Task Invoke(Grain grain, object?[] arguments) => _invoke(grain, arguments);

    /// <summary>Calls the method through a reference; returns what the method's signature asks for.</summary>
    public object Send(GrainReference reference, object?[] arguments)
    {
        var call = _newCall(this, arguments);
        if (_tokenIndex >= 0 && arguments[_tokenIndex] is CancellationToken { CanBeCanceled: true } token)
        {
            call.CancelWith(token);
        }

        if (!call.IsAbandoned)
        {
            reference.Send(call);
        }

        return _toValueTask is null ? call.Answer : _toValueTask(call.Answer);
    }

    private static Func<Grain, object?[], Task> CompileInvoke(MethodInfo method, bool isValueTask)
    {
        var grain = Expression.Parameter(typeof(Grain));
        var arguments = Expression.Parameter(typeof(object?[]));
        Expression body = Expression.Call(
            Expression.Convert(grain, method.DeclaringType!),
            method,
            method.GetParameters().Select((parameter, i) =>
                Expression.Convert(Expression.ArrayIndex(arguments, Expression.Constant(i)), parameter.ParameterType)));
        if (isValueTask)
        {
            body = Expression.Call(body, nameof(ValueTask.AsTask), null);
        }

        return Expression.Lambda<Func<Grain, object?[], Task>>(body, grain, arguments).Compile();
    }

    private static Func<GrainMethod, object?[], Call> CompileNewCall(Type? result)
    {
        var type = result is null ? typeof(VoidCall) : typeof(ValueCall<>).MakeGenericType(result);
        var method = Expression.Parameter(typeof(GrainMethod));
        var arguments = Expression.Parameter(typeof(object?[]));
        var constructor = type.GetConstructors().Single();
        return Expression.Lambda<Func<GrainMethod, object?[], Call>>(
            Expression.New(constructor, method, arguments), method, arguments).Compile();
    }

    private static Func<Task, object> CompileToValueTask(Type returns, Type? result)
    {
        var taskType = result is null ? typeof(Task) : typeof(Task<>).MakeGenericType(result);
        var task = Expression.Parameter(typeof(Task));
        var made = Expression.New(returns.GetConstructor([taskType])!, Expression.Convert(task, taskType));
        return Expression.Lambda<Func<Task, object>>(Expression.Convert(made, typeof(object)), task).Compile();
    }
}
